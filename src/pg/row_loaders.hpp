// Functions and queries that give many keys at once: load_many(keys), load_all(), warm_keys.
// run_rows.hpp runs them.
#pragma once

#include "pg/definitions.hpp"

extern "C" {
#include "access/tupdesc.h"
}

namespace cache_ext::pg {

// What a function or query must look like to give rows of a cache.
struct RowShape {
    int columns;
    const Oid* key_types;
    Oid value_type;  // InvalidOid: rows are keys only
};
inline RowShape row_shape(const Definition* d) {
    return {d->columns, d->key_types, d->value_type};
}

bool has_shape(TupleDesc rows, const RowShape& shape);

// Why the function cannot be a load_many (takes_keys) or load_all of such a cache; nullptr: it can.
const char* unfit_row_loader(Oid function, const RowShape& shape, bool takes_keys);

// The qualified name of the function that `text` names, with or without its argument types. ERROR
// 42883 if there is none, 42P13 if it does not fit, 42501 if the current user may not execute it.
char* checked_row_loader(const char* option, const char* text, const RowShape& shape,
                         bool takes_keys);

// ERROR 22023 or 42804 unless the text is one plain SELECT that the current user can prepare and
// that returns the key's columns.
void check_key_query(const char* option, const char* text, const RowShape& shape);

// Finds a function by its stored name; InvalidOid if there is none any more, or it does not fit.
Oid find_row_loader(const char* name, const RowShape& shape, bool takes_keys);

// "public.load_totals(integer[])", for messages and queries.
char* row_loader_call(const Definition* definition, const char* name, bool takes_keys);

}  // namespace cache_ext::pg
