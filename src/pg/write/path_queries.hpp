// What a key query of cache_invalidate_on_path reads, as the server analyses it now.
#pragma once

#include "pg/catalog/definitions.hpp"
#include "pg/write/query_meaning.hpp"

namespace cache_ext::pg {

// What a key query is made of.
constexpr int kMaxPathRelations = 16;
struct PathShape {
    int64 meaning;      // see query_meaning.hpp
    ColumnMask mask;    // key columns that it gives: all but constant NULLs
    List* row_columns;  // of char*: columns of the changed row that it reads
    bool whole_row;     // it uses the row as a whole
    int relation_count;
    Oid relations[kMaxPathRelations];
    List* columns[kMaxPathRelations];     // of char*: what it reads of each
    bool all_columns[kMaxPathRelations];  // whatever changes there matters
    bool inserts[kMaxPathRelations];      // a new row of it may add keys
    // Of char* or null, by key column: the columns that the query returns as they are, if all keys
    // are columns of this relation; else NIL.
    List* keys[kMaxPathRelations];
};

// Analyses a query as it is now, as the cache's owner. ERROR if it cannot serve, or means anything
// else than `expected` (0: whatever it means). SPI must be connected.
MeantQuery prepare_key_query(const Definition* d, Oid relation, const char* text, int64 expected);
PathShape path_shape(const Definition* d, Oid relation, const MeantQuery& prepared);
// Both, whatever it means.
PathShape check_path_query(const Definition* d, Oid relation, const char* text);

// Nothing but inner joins and quals: a row that comes, goes or changes then concerns no keys but
// those it has itself.
bool is_plain_join(const Query* query);

}  // namespace cache_ext::pg
