// Which databases have work? After a start nobody knows: the definitions are in the databases. So a
// worker looks into each that allows connections, one at a time, and the next one is not put off
// for longer than cache_ext.naptime; where nothing is scheduled it is gone at once.
#include "worker/workers.hpp"

#include "pg/pool/keep_out.hpp"
#include "pg/pool/looks.hpp"
#include "pg/base/clock.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/base/snapshots.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_database.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::worker {
namespace {

constexpr int kInvalidDatabase = -2;  // datconnlimit of one whose DROP was interrupted

// In TopMemoryContext.
List* known = NIL;    // databases that have been put on the list
List* waiting = NIL;  // of these, the ones that nobody has looked into yet
Oid current = InvalidOid;
TimestampTz current_since;

// *connectable: those of them that allow connections.
List* list_databases(List** connectable) {
    MemoryContext context = CurrentMemoryContext;
    List* all = NIL;
    *connectable = NIL;
    StartTransactionCommand();
    (void)GetTransactionSnapshot();
    Relation relation = table_open(DatabaseRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection))) {
        auto* database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
        MemoryContext old = MemoryContextSwitchTo(context);
        all = lappend_oid(all, database->oid);
        if (database->datallowconn && database->datconnlimit != kInvalidDatabase) {
            *connectable = lappend_oid(*connectable, database->oid);
        }
        MemoryContextSwitchTo(old);
    }
    table_endscan(scan);
    table_close(relation, AccessShareLock);
    CommitTransactionCommand();
    MemoryContextSwitchTo(context);
    return all;
}

// Databases with control blocks or work.
List* databases_in_use() {
    List* all = pg::databases_of_pool();
    for (core::CacheIndex i = 0; i < pg::store().max_caches(); ++i) {
        const core::CacheControl* c = pg::store().control(i);
        if (core::load_acquire(c->id) == 0) continue;
        all = list_append_unique_oid(all, core::load_relaxed(c->database));
    }
    return all;
}

// What was left of databases that are not there any more. `in_use` was found out before `all`.
void forget_dropped(const List* in_use, const List* all) {
    ListCell* cell;
    foreach (cell, const_cast<List*>(in_use)) {
        const Oid database = lfirst_oid(cell);
        if (list_member_oid(all, database)) continue;
        pg::store().release_database(database);
        pg::forget_database(database);
    }
}

}  // namespace

core::Millis scout(bool again) {
    if (again) {
        List* in_use = databases_in_use();
        List* connectable;
        List* all = list_databases(&connectable);
        forget_dropped(in_use, all);
        waiting = list_concat(waiting, list_difference_oid(connectable, known));
        list_free(known);
        known = connectable;
        list_free(all);
        list_free(in_use);
    }
    // One that takes long is seen to later: the others do not wait for it.
    const auto left = [] {
        const TimestampTz end = TimestampTzPlusMilliseconds(current_since, pg::settings.naptime_ms);
        return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);
    };
    while (!OidIsValid(current) || !pg::unseen(current) || left() <= 0) {
        current = InvalidOid;
        if (waiting == NIL) return core::kNever;
        current = linitial_oid(waiting);
        current_since = GetCurrentTimestamp();
        waiting = list_delete_first(waiting);
        pg::request_look(current);
    }
    return pg::now_ms() + left();
}

bool look_at_unsettled() {
    const uint32 max = pg::store().max_caches();
    const auto unsettled = [](core::CacheIndex i) {
        const core::CacheControl* c = pg::store().control(i);
        return core::load_acquire(c->id) == 0 ? core::kSettled : core::load_relaxed(c->unsettled);
    };
    bool any = false;
    for (core::CacheIndex i = 0; i < max && !any; ++i) any = unsettled(i) != core::kSettled;
    if (!any) return false;
    MemoryContext context = CurrentMemoryContext;
    StartTransactionCommand();
    const core::Snapshot snapshot = pg::to_core(GetTransactionSnapshot());
    List* databases = NIL;
    for (core::CacheIndex i = 0; i < max; ++i) {
        const core::Xid until = unsettled(i);
        if (until == core::kSettled || (until > core::kLeftBehind && snapshot.in_progress(until))) {
            continue;
        }
        databases = list_append_unique_oid(databases, pg::store().control(i)->database);
    }
    ListCell* cell;
    foreach (cell, databases) pg::request_look(lfirst_oid(cell));
    CommitTransactionCommand();
    MemoryContextSwitchTo(context);
    return true;
}

}  // namespace cache_ext::worker
