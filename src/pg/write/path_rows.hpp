// Rows of path dependencies that this transaction has changed, and paths that it has moved, until
// their keys are looked up (paths.hpp).
#pragma once

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "executor/tuptable.h"
}

namespace cache_ext::pg {

// The columns of a changed row that its key query reads.
struct PathRow {
    uint64 hash;
    int level;
    bool is_new;
    Datum* values;
    bool* nulls;
};

// Of one path dependency, in this transaction.
struct Path {
    int64 id;
    uint64 cache_id;
    bool reads_tables;  // its query does
    int moved_at;       // level of the outermost one that moved keys, 0: none
    int widened_at;     // level of the one that widened to the whole cache, 0: none
    int count;
    int capacity;
    PathRow* rows;
    // What the key query has found for these rows: the hashes of each key's columns, one after the
    // other. whole: a row reaches no key now.
    uint64* found;
    int found_count;
    int found_capacity;
    bool whole;
    Oid declared;
    int column_count;
    char** column_names;
};

// A changed row of a path dependency's relation. is_new: it exists after the change, so the query
// has to find a key for it. More rows than cache_ext.max_path_rows widen to the whole cache;
// where the query reads no tables, more than cache_ext.max_transaction_tags.
void collect_path_row(const Dependency& dep, TupleTableSlot* slot, bool is_new);
// A row that the path dependency's query may read was changed in a way that can move keys.
void collect_path_move(const Dependency& dep);

// Of Path*: those with something to look up or to announce. Their memory, and what is added to
// them, is `path_memory()`; it goes with the transaction.
List* changed_paths();
MemoryContext path_memory();

void forget_path_rows();
void subtransaction_ended_for_path_rows(int level, bool committed);

}  // namespace cache_ext::pg
