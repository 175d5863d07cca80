// Which databases have work? After a start nobody knows: the definitions are in the databases. So a
// worker looks into each that allows connections, one at a time; where nothing is scheduled it is
// gone at once.
#include "worker/workers.hpp"

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

List* list_databases() {
    MemoryContext context = CurrentMemoryContext;
    List* all = NIL;
    StartTransactionCommand();
    (void)GetTransactionSnapshot();
    Relation relation = table_open(DatabaseRelationId, AccessShareLock);
    TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection))) {
        auto* database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
        if (!database->datallowconn || database->datconnlimit == kInvalidDatabase) continue;
        MemoryContext old = MemoryContextSwitchTo(context);
        all = lappend_oid(all, database->oid);
        MemoryContextSwitchTo(old);
    }
    table_endscan(scan);
    table_close(relation, AccessShareLock);
    CommitTransactionCommand();
    MemoryContextSwitchTo(context);
    return all;
}

}  // namespace

void scout(bool again) {
    if (again) {
        List* all = list_databases();
        waiting = list_concat(waiting, list_difference_oid(all, known));
        list_free(known);
        known = all;
    }
    while (!OidIsValid(current) || !pg::unseen(current)) {
        current = InvalidOid;
        if (waiting == NIL) return;
        current = linitial_oid(waiting);
        waiting = list_delete_first(waiting);
        pg::request_look(current);
    }
}

}  // namespace cache_ext::worker
