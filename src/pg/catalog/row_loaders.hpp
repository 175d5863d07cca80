// Functions and queries that give many keys at once: load_many(keys), load_all(), warm_keys.
// run_rows.hpp runs them.
#pragma once

#include "pg/catalog/row_shape.hpp"

namespace cache_ext::pg {

// The qualified name of the function that `text` names, with or without its argument types. ERROR
// 42883 if there is none, 42P13 if it does not fit, 42501 if the current user may not execute it.
char* checked_row_loader(const char* option, const char* text, const RowShape& shape,
                         bool takes_keys);

// ERROR 22023 or 42804 unless the text is one plain SELECT that the current user can prepare and
// that returns the key's columns.
void check_key_query(const char* option, const char* text, const RowShape& shape);

// "public.load_totals(integer[])", for messages and queries.
char* row_loader_call(const Definition* definition, const char* name, bool takes_keys);

}  // namespace cache_ext::pg
