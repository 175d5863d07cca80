#include "pg/declare/dependency_triggers.hpp"

#include "pg/base/compat.hpp"
#include "pg/catalog/definitions.hpp"
#include "pg/declare/ddl.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace cache_ext::pg {
namespace {

// Names are unique over the database, so that a table which has its own can still be attached as a
// partition of one that has.
constexpr const char* kTriggerPrefix = "cache_ext_";

char* qualified_relation(Oid relation) {
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
                                      get_rel_name(relation));
}

// Our triggers on a relation: those made there, not the clones that partitions inherit.
List* triggers_of(Oid relation, bool clones_too) {
    List* oids = NIL;
    Relation catalog = table_open(TriggerRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(relation));
    SysScanDesc scan = systable_beginscan(catalog, TriggerRelidNameIndexId, true, nullptr, 1, &key);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        auto* trigger = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple));
        if (trigger->tgfoid != invalidate_trigger()) continue;
        if (OidIsValid(trigger->tgparentid) && !clones_too) continue;
        oids = lappend_oid(oids, trigger->oid);
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return oids;
}

void create_trigger(Oid relation, const char* suffix, const char* events, const char* level) {
    uint32 unique;
    if (!pg_strong_random(&unique, sizeof(unique))) elog(ERROR, "no random number for a name");
    const char* name = psprintf("%s%s_%08x", kTriggerPrefix, suffix, unique);
    const char* table = qualified_relation(relation);
    run_sql(psprintf("CREATE TRIGGER %s AFTER %s ON %s FOR EACH %s EXECUTE FUNCTION %s()", name,
                     events, table, level, in_internals("cache_invalidate_trigger")));
    // Replication and session_replication_role = replica change what loaders read, too.
    run_sql(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", table, name));
    depend_on_extension(TriggerRelationId, get_trigger_oid(relation, name, false));
}

// Who declares something on a table, and who drops what was declared, take turns: only so can the
// latter know whether anybody still needs the triggers. Nobody else uses this lock, so no reader or
// writer of the table waits for it.
void lock_declarations(Oid relation) {
    LockDatabaseObject(RelationRelationId, relation, 0, AccessExclusiveLock);
}

void unlock_all(List* relations) {
    ListCell* cell;
    foreach (cell, relations) UnlockRelationOid(lfirst_oid(cell), AccessExclusiveLock);
}

// Nobody who reads or writes the table is waited for, and nobody who is declaring something on it:
// partitions are locked with it, from which clones of its triggers go. False: somebody is there.
bool lock_at_once(Oid relation) {
    List* locked = NIL;
    ListCell* cell;
    if (!ConditionalLockDatabaseObject(RelationRelationId, relation, 0, AccessExclusiveLock)) {
        return false;
    }
    foreach (cell, find_all_inheritors(relation, NoLock, nullptr)) {
        if (ConditionalLockRelationOid(lfirst_oid(cell), AccessExclusiveLock)) {
            locked = lappend_oid(locked, lfirst_oid(cell));
            continue;
        }
        unlock_all(locked);
        UnlockDatabaseObject(RelationRelationId, relation, 0, AccessExclusiveLock);
        return false;
    }
    return true;
}

bool is_needed(Oid relation) {
    const RelationDependencies* r = dependencies_of(relation);
    return r != nullptr && r->count > 0;
}

bool may_drop_triggers(Oid relation) {
    return get_rel_relkind(relation) != '\0' &&
           object_ownercheck(RelationRelationId, relation, GetUserId());
}

}  // namespace

// A row trigger on a partitioned table reaches its partitions; children by inheritance need their
// own.
//
// The lock waits for everybody who is changing the table, so that whoever sees this declaration
// committed knows that all later changes were collected. It is needed even where there is a trigger
// already: what that has collected did not know of this declaration.
void ensure_triggers(Oid relation) {
    List* all = find_all_inheritors(relation, NoLock, nullptr);
    list_sort(all, list_oid_cmp);  // so that no two wait for each other
    ListCell* cell;
    foreach (cell, all) lock_declarations(lfirst_oid(cell));
    LockRelationOid(relation, ShareRowExclusiveLock);
    if (get_rel_relkind(relation) == RELKIND_MATVIEW) return;  // REFRESH is noticed by a hook
    foreach (cell, find_all_inheritors(relation, ShareRowExclusiveLock, nullptr)) {
        const Oid member = lfirst_oid(cell);
        if (triggers_of(member, true) != NIL) continue;
        create_trigger(member, "row", "INSERT OR UPDATE OR DELETE", "ROW");
        create_trigger(member, "truncate", "TRUNCATE", "STATEMENT");
        CommandCounterIncrement();
    }
}

List* relations_with_triggers_for(const Definition* d) {
    List* relations = NIL;
    for (int i = 0; i < d->relation_count; ++i) {
        relations = lappend_oid(relations, d->relations[i]);
    }
    return relations;
}

void drop_needless_triggers(List* relations) {
    ListCell *r, *t;
    CommandCounterIncrement();
    foreach (r, relations) {
        const Oid relation = lfirst_oid(r);
        if (!may_drop_triggers(relation) || is_needed(relation)) continue;
        if (triggers_of(relation, false) == NIL || !lock_at_once(relation)) continue;
        // Somebody may have been faster. The locks stay: nobody waits for them who comes later
        // than this transaction's end.
        if (!may_drop_triggers(relation) || is_needed(relation)) continue;
        foreach (t, triggers_of(relation, false)) drop_object(TriggerRelationId, lfirst_oid(t));
    }
}

}  // namespace cache_ext::pg
