// Declaring what a cache depends on.
#pragma once

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "utils/array.h"
}

namespace cache_ext::pg {

// ERROR 42809 unless a cache can depend on the relation.
void check_relation(Oid relation);

// A row of cache_dependency, in the texts that it is written with.
struct DependencyRow {
    const char* cache;
    Oid relation;
    const char* key;
    const char* columns;
    const char* key_query;
    int64 meaning;  // of key_query, see query_meaning.hpp
    ColumnMask mask;
    Bounds bounds;
    const char* path;
    bool inserts;
    bool derived;
    Oid referenced_by;  // InvalidOid: every row matters
};

// What cache_invalidate_on does for columns, as arrays of text or nullptr. With bounds the key
// names the column of the instant where they are. `derived`: it follows from the loader's text.
// referenced_by: rows matter only where rows of that table reference them; InvalidOid: all do. SPI
// must be connected.
void declare_key(const Definition* definition, Oid relation, ArrayType* key, ArrayType* columns,
                 const Bounds& bounds, bool derived, Oid referenced_by = InvalidOid);

// --- for the functions that declare one ---

// The cache and the relation, which are the first two arguments. ERROR if one is null, the cache is
// not declared, or is not the current user's, or no cache can depend on the relation. Nobody drops
// that until the transaction ends.
const Definition* cache_to_change(FunctionCallInfo fcinfo, const char* what);
// ERROR 54000 if entries of the cache have no room for one more tag.
void check_mask_room(const Definition* definition, ColumnMask mask, const Bounds& bounds);
// Returns the new row's id, as text. SPI must be connected.
const char* insert_dependency(const DependencyRow& row);
// Somebody is about to say himself what the cache depends on in that table, which is locked: what
// was derived for it goes. The definition as it is then. SPI must be connected.
const Definition* take_place_of_derived(const Definition* definition, Oid relation);
// Rows that a restore loses will be missed. SPI must be connected.
void count_dependencies(const char* cache, int more);

}  // namespace cache_ext::pg
