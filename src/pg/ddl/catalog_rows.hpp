// Rows of the system catalogs as they were before this transaction, and as it leaves them.
//
// The difference between the two says what DDL has changed, whatever statement or function did it.
// To be used at the top level or in a subtransaction; errors leave nothing behind but what
// (sub)transaction abort undoes. Nothing here waits for a lock on a catalog: it raises an error
// instead.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "access/htup_details.h"
#include "nodes/pg_list.h"
#include "utils/snapshot.h"
}

namespace cache_ext::pg {

// A catalog with an index whose first column is the key to look rows up by.
struct Catalog {
    Oid relation;
    Oid index;  // InvalidOid: the whole catalog is read
    AttrNumber key;
};

// Rows that this transaction has changed, as versions: a row that was updated is in both.
struct RowChanges {
    List* gone;  // HeapTuple, as they were
    List* come;  // as they are now
    TupleDesc desc;

    bool none() const { return gone == NIL && come == NIL; }
    HeapTuple before() const {
        return gone == NIL ? nullptr : static_cast<HeapTuple>(linitial(gone));
    }
    HeapTuple after() const {
        return come == NIL ? nullptr : static_cast<HeapTuple>(linitial(come));
    }
};

// The row of a unique key; gone and come are the same tuple if it is unchanged.
struct RowPair {
    HeapTuple before;  // nullptr: there was none
    HeapTuple after;   // nullptr: there is none
    TupleDesc desc;

    bool changed() const;
};

// The two snapshots: all that has been committed, with and without what this transaction did.
struct Sides {
    Snapshot latest;
    SnapshotData before;
    SnapshotData after;
    List* open;  // Relation: catalogs that have been opened
};

void open_sides(Sides* sides);
void close_sides(Sides* sides);

// What this transaction has changed among the rows with that key.
RowChanges changes_of(Sides* sides, const Catalog& catalog, Datum key);
// Before and after of the one row with that key.
RowPair row_of(Sides* sides, const Catalog& catalog, Oid key);
// Rows as they are now.
List* rows_of(Sides* sides, const Catalog& catalog, Datum key, TupleDesc* desc);

// Is there a row that `counts`, of anybody whose transaction has committed or still runs?
bool any_row(Sides* sides, const Catalog& catalog, Datum key,
             bool (*counts)(HeapTuple row, TupleDesc desc, void* argument), void* argument);

// Do the rows differ in this column?
bool differ(HeapTuple a, HeapTuple b, TupleDesc desc, AttrNumber column);
// In any column that is not among those?
bool differ_beyond(HeapTuple a, HeapTuple b, TupleDesc desc, const AttrNumber* except, int count);

template <class Form>
const Form* form_of(HeapTuple row) {
    return reinterpret_cast<const Form*>(GETSTRUCT(row));
}

}  // namespace cache_ext::pg
