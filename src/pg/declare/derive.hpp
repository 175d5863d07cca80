// What a loader's text proves, as declarations.
#pragma once

#include "pg/load/loader_analysis.hpp"

namespace cache_ext::pg {

// Declares it for the cache, which the current user owns, in the place of what was derived before.
// Tables on which somebody has declared something himself are left as they are, and so are those
// that the current user may not declare anything on.
const LoaderAnalysis* declare_derived(const char* cache);
// The cache is to run, or to be invalidated, in another way. What was derived becomes its owner's
// word, or (forget) goes, so that these tables are tracked.
void give_up_derived(const char* cache, bool forget);
// The same for somebody who has not asked for it in so many words: all of it or nothing. An error
// is no error of his, but for a cancel: nullptr, and its message. Waits no longer for a lock than
// cache_ext.auto_lock_timeout says.
const LoaderAnalysis* try_to_declare_derived(const char* cache, const char** error);

// SELECT cache_invalidate_on(...), or the sibling for a path.
const char* statement_of(const char* cache, const LoaderInput* input, const RowMapping* mapping);
// All of a table's, or one with dots where nothing is proven.
const char* proven_statements(const Definition* definition, const LoaderAnalysis* analysis,
                              Oid relation);

}  // namespace cache_ext::pg
