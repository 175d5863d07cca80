// Rows of texts, of functions that return a set.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/execnodes.h"
}

namespace cache_ext::pg {

// Adds a row to the result of a function that has called InitMaterializedSRF: a text for each
// column, as its type reads it; nullptr: NULL.
void put_texts(const ReturnSetInfo* set, const char* const* texts);

}  // namespace cache_ext::pg
