// Rows of path dependencies that this transaction has changed, and paths that it has moved, until
// their keys are looked up (paths.hpp).
#pragma once

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "executor/tuptable.h"
}

namespace cache_ext::pg {

// Changed rows are kept once for all paths of a relation whose queries read the same columns.
constexpr int kMaxPathsOfRows = 64;

// The columns of a changed row that key queries read.
struct PathRow {
    uint64 hash;
    uint64 paths;  // bits of those that it concerns
    int level;
    bool is_new;
    Datum* values;
    bool* nulls;
};

struct PathRows {
    Oid declared;
    bool reads_tables;  // the paths' queries do
    int path_count;
    int column_count;
    char** column_names;
    AttrNumber* columns;  // of `declared`
    Oid* column_types;    // when the rows were changed
    int count;
    int capacity;
    PathRow* rows;
    int* places;  // by hash, twice the capacity: where such a row may be
};

// Of one path dependency, in this transaction.
struct Path {
    int64 id;
    uint64 cache_id;
    bool reads_tables;  // its query does
    int moved_at;       // level of the outermost one that moved keys, 0: none
    int widened_at;     // level of the one that widened to the whole cache, 0: none
    PathRows* rows;     // nullptr: none was changed
    uint64 bit;         // in PathRow::paths
    // What the key query has found for these rows: the hashes of each key's columns, one after the
    // other. whole: a row reaches no key now.
    uint64* found;
    int found_count;
    int found_capacity;
    bool whole;
};

// A changed row of a path dependency's relation. is_new: it exists after the change, so the query
// has to find a key for it. More rows than cache_ext.max_path_rows widen to the whole cache, where
// the query reads no tables more than cache_ext.max_transaction_tags; so does more memory for rows
// than cache_ext.path_memory.
void collect_path_row(const Dependency& dep, TupleTableSlot* slot, bool is_new);
// A row that the path dependency's query may read was changed in a way that can move keys.
void collect_path_move(const Dependency& dep);

// Of Path*: those with something to look up or to announce. Their memory goes with the transaction.
List* changed_paths();
// Has it rows to look up?
bool has_path_rows(const Path& p);
// Have its columns the types still that the rows were kept with?
bool columns_stand(const PathRows& rows);
// Room for one more key that was found, of so many columns: the hashes of these. nullptr: there are
// more than a transaction may name one by one, and the path is `whole`.
uint64* add_found_key(Path* p, int columns);

void forget_path_rows();
void subtransaction_ended_for_path_rows(int level, bool committed);

}  // namespace cache_ext::pg
