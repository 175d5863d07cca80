// Columns that a declaration names.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "utils/array.h"
}

namespace cache_ext::pg {

// ERROR 2202E if there is more than one dimension.
void check_dimensions(ArrayType* names, const char* argument);

// ERROR 42703.
[[noreturn]] void no_column(Oid relation, const char* column);
// ERROR 0A000: a changed row does not have the column's value.
[[noreturn]] void virtual_column(Oid relation, const char* column, const char* hint);

// Argument i, a text[]; nullptr: NULL.
ArrayType* array_argument(FunctionCallInfo fcinfo, int i);
// The array as text; nullptr: nullptr.
const char* array_text(ArrayType* array);
// The same of `columns`: those whose change matters. ERROR unless the relation stores each of them.
const char* named_columns(ArrayType* columns, Oid relation);

}  // namespace cache_ext::pg
