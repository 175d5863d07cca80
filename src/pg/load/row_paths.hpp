// From the equalities that hold for a mention of a table: how a changed row of it tells its keys.
#pragma once

#include "pg/catalog/definition.hpp"
#include "pg/load/loader_equalities.hpp"

namespace cache_ext::pg {

// What one mention of a table comes to: a changed row names its keys by columns of its own, or by
// a query.
struct RowMapping {
    const char* key[kMaxKeyColumns];  // by key column, nullptr: any
    Bounds bounds;                    // key names the column of the row's instant there
    const char* key_query;            // nullptr: key
    List* through;                    // Oids: what the query reads
};

// After close_over() of the mention. nullptr: it does not, every key may be concerned.
RowMapping* mapping_of(const Equalities* equalities, const Definition* definition,
                       const Mention* mention);

}  // namespace cache_ext::pg
