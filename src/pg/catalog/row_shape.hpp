// Rows of a cache: what a function or query must look like to give many keys at once (load_many,
// load_all, warm_keys).
#pragma once

#include "pg/catalog/definition.hpp"

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

// Are rows of this type rows of the cache? A varchar will do for a key column of type text.
bool has_shape(TupleDesc rows, const RowShape& shape);
// The types of the arguments that such a function takes, one array per key column; returns how
// many. Room for kMaxKeyColumns.
int row_loader_arguments(const RowShape& shape, bool takes_keys, Oid* types);

// Why the function cannot be a load_many (takes_keys) or load_all of such a cache; nullptr: it can.
const char* unfit_row_loader(Oid function, const RowShape& shape, bool takes_keys);

// Finds a function by its stored name; InvalidOid if there is none any more, or it does not fit.
Oid find_row_loader(const char* name, const RowShape& shape, bool takes_keys);

}  // namespace cache_ext::pg
