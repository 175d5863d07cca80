// What cache_create says of what it has derived: two lines, however many tables there are.
#pragma once

#include "pg/load/loader_analysis.hpp"

namespace cache_ext::pg {

// Tells what that has come to: one NOTICE of one line, and one more for what is tracked. None if
// the loader reads no tables.
void report_derived(const char* cache, const LoaderAnalysis* analysis);
// The same of an error.
void report_not_derived(const char* cache, const char* error);

}  // namespace cache_ext::pg
