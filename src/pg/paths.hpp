// Path dependencies: a changed row reaches its key through a query.
//
// Lookups run at PRE_COMMIT, under a snapshot newer than the announcement of this transaction; see
// paths.cpp for the protocol that makes them exact against concurrent changes of the path itself.
#pragma once

#include "pg/definitions.hpp"

extern "C" {
#include "executor/spi.h"
#include "executor/tuptable.h"
}

namespace cache_ext::pg {

// A changed row of a path dependency's relation. is_new: it exists after the change, so the query
// has to find a key for it.
void collect_path_row(const Dependency& dep, TupleTableSlot* slot, bool is_new);
// A row that the path dependency's query may read was changed in a way that can move keys.
void collect_path_move(const Dependency& dep);

// At PRE_COMMIT: turns what was collected into tags. Never fails; widens to the whole cache
// instead.
void resolve_paths();
void forget_paths();
void subtransaction_ended_for_paths(int level, bool committed);

// For a transaction that was prepared before the server started: what it had announced is lost, so
// it counts as having changed every path of the cache, and as having looked every path up. False:
// the paths are not known now.
bool announce_prepared(uint64 cache_id, core::Xid xid);

// What a key query is made of.
constexpr int kMaxPathRelations = 16;
struct PathShape {
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

// Analyses a query as it is now, as the cache's owner (path_queries.cpp). ERROR if it cannot serve.
// SPI must be connected.
SPIPlanPtr prepare_key_query(const Definition* d, Oid relation, const char* text);
PathShape path_shape(const Definition* d, Oid relation, SPIPlanPtr plan);
// Both.
PathShape check_path_query(const Definition* d, Oid relation, const char* text);

}  // namespace cache_ext::pg
