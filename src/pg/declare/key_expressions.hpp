// Keys that a row gives by expressions over its columns. They are key queries that read no table.
#pragma once

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "utils/array.h"
}

namespace cache_ext::pg {

// Is one of these, of `key`, in parentheses, and no column's name?
bool has_expressions(Oid relation, ArrayType* key);

// The query of $1, a changed row, that gives the key. ERROR 22023 unless the expressions are
// IMMUTABLE and over columns that a row has, 42804 if they are of another type than the key.
const char* key_query_of(const Definition* definition, Oid relation, ArrayType* key);

}  // namespace cache_ext::pg
