#include "pg/ddl/catalog_rows.hpp"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "storage/lmgr.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

// VACUUM FULL of a catalog and REINDEX hold what we would wait for.
void lock(Oid relation) {
    if (ConditionalLockRelationOid(relation, AccessShareLock)) return;
    ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
                    errmsg("catalog relation %u is locked by another session", relation)));
}

Relation open_catalog(Sides* sides, Oid catalog) {
    ListCell* cell;
    foreach (cell, sides->open) {
        auto* relation = static_cast<Relation>(lfirst(cell));
        if (RelationGetRelid(relation) == catalog) return relation;
    }
    lock(catalog);
    Relation relation = table_open(catalog, NoLock);
    sides->open = lappend(sides->open, relation);
    return relation;
}

// Calls `each` for the rows with that key, until it returns false.
void scan(Sides* sides, const Catalog& catalog, Datum key, Snapshot snapshot,
          bool (*each)(HeapTuple, TupleDesc, void*), void* argument) {
    Relation relation = open_catalog(sides, catalog.relation);
    TupleDesc desc = RelationGetDescr(relation);
    const bool indexed = OidIsValid(catalog.index);
    if (indexed) lock(catalog.index);
    ScanKeyData keys[1];
    if (indexed) {
        const bool name = TupleDescAttr(desc, catalog.key - 1)->atttypid == NAMEOID;
        ScanKeyInit(&keys[0], catalog.key, BTEqualStrategyNumber, name ? F_NAMEEQ : F_OIDEQ, key);
    }
    SysScanDesc rows =
        systable_beginscan(relation, catalog.index, indexed, snapshot, indexed ? 1 : 0, keys);
    HeapTuple row;
    while (HeapTupleIsValid(row = systable_getnext(rows))) {
        if (!each(row, desc, argument)) break;
    }
    systable_endscan(rows);
    if (indexed) UnlockRelationOid(catalog.index, AccessShareLock);
}

bool copy_row(HeapTuple row, TupleDesc, void* list) {
    auto** rows = static_cast<List**>(list);
    *rows = lappend(*rows, heap_copytuple(row));
    return true;
}

List* copies(Sides* sides, const Catalog& catalog, Datum key, Snapshot snapshot) {
    List* rows = NIL;
    scan(sides, catalog, key, snapshot, copy_row, static_cast<void*>(&rows));
    return rows;
}

// Of what the snapshot before shows: deleted by this transaction, or replaced by another version.
bool is_gone(HeapTuple row) {
    const HeapTupleHeader h = row->t_data;
    return (h->t_infomask & HEAP_XMAX_INVALID) == 0 && !HEAP_XMAX_IS_LOCKED_ONLY(h->t_infomask) &&
           TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(h));
}

bool copy_gone(HeapTuple row, TupleDesc desc, void* list) {
    return !is_gone(row) || copy_row(row, desc, list);
}

// Of what the snapshot after shows: a version that this transaction has made.
bool copy_come(HeapTuple row, TupleDesc desc, void* list) {
    return !TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row->t_data)) ||
           copy_row(row, desc, list);
}

}  // namespace

bool RowPair::changed() const {
    if (before == nullptr || after == nullptr) return before != after;
    return !ItemPointerEquals(&before->t_self, &after->t_self);
}

void open_sides(Sides* sides) {
    sides->latest = RegisterSnapshot(GetLatestSnapshot());
    // What this transaction did, it did with command number 0 or later: by such a snapshot its
    // insertions have not happened yet, and what it deleted is there. The other one shows even what
    // the command at hand has done so far.
    sides->before = *sides->latest;
    sides->before.curcid = FirstCommandId;
    sides->after = *sides->latest;
    sides->after.curcid = InvalidCommandId;
    sides->open = NIL;
}

void close_sides(Sides* sides) {
    ListCell* cell;
    foreach (cell, sides->open) table_close(static_cast<Relation>(lfirst(cell)), AccessShareLock);
    UnregisterSnapshot(sides->latest);
}

RowChanges changes_of(Sides* sides, const Catalog& catalog, Datum key) {
    RowChanges changes = {};
    scan(sides, catalog, key, &sides->before, copy_gone, static_cast<void*>(&changes.gone));
    scan(sides, catalog, key, &sides->after, copy_come, static_cast<void*>(&changes.come));
    changes.desc = RelationGetDescr(open_catalog(sides, catalog.relation));
    return changes;
}

RowPair row_of(Sides* sides, const Catalog& catalog, Oid key) {
    const Datum oid = ObjectIdGetDatum(key);
    List* before = copies(sides, catalog, oid, &sides->before);
    List* after = copies(sides, catalog, oid, &sides->after);
    return {before == NIL ? nullptr : static_cast<HeapTuple>(linitial(before)),
            after == NIL ? nullptr : static_cast<HeapTuple>(linitial(after)),
            RelationGetDescr(open_catalog(sides, catalog.relation))};
}

List* rows_of(Sides* sides, const Catalog& catalog, Datum key, TupleDesc* desc) {
    *desc = RelationGetDescr(open_catalog(sides, catalog.relation));
    return copies(sides, catalog, key, &sides->after);
}

namespace {
struct Search {
    bool (*counts)(HeapTuple, TupleDesc, void*);
    void* argument;
    bool found;
};
bool try_row(HeapTuple row, TupleDesc desc, void* context) {
    auto* search = static_cast<Search*>(context);
    search->found = search->counts(row, desc, search->argument);
    return !search->found;
}
}  // namespace

bool any_row(Sides* sides, const Catalog& catalog, Datum key,
             bool (*counts)(HeapTuple row, TupleDesc desc, void* argument), void* argument) {
    SnapshotData dirty;
    InitDirtySnapshot(dirty);
    Search search = {counts, argument, false};
    scan(sides, catalog, key, &dirty, try_row, &search);
    return search.found;
}

bool differ(HeapTuple a, HeapTuple b, TupleDesc desc, AttrNumber column) {
    bool null_a, null_b;
    const Datum value_a = heap_getattr(a, column, desc, &null_a);
    const Datum value_b = heap_getattr(b, column, desc, &null_b);
    if (null_a || null_b) return null_a != null_b;
    const Form_pg_attribute attribute = TupleDescAttr(desc, column - 1);
    return !datum_image_eq(value_a, value_b, attribute->attbyval, attribute->attlen);
}

bool differ_beyond(HeapTuple a, HeapTuple b, TupleDesc desc, const AttrNumber* except, int count) {
    for (int i = 1; i <= desc->natts; ++i) {
        const auto column = static_cast<AttrNumber>(i);
        if (std::find(except, except + count, column) == except + count &&
            differ(a, b, desc, column)) {
            return true;
        }
    }
    return false;
}

}  // namespace cache_ext::pg
