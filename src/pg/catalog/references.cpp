#include "pg/catalog/references.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "nodes/parsenodes.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

bool is_plain_table(Oid relation, bool may_have_children) {
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple)) return false;
    auto* form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
    const bool plain = form->relkind == RELKIND_RELATION && !form->relispartition &&
                       (may_have_children || !form->relhassubclass);
    ReleaseSysCache(tuple);
    return plain;
}

// Calls `visit` with the rows of a catalog whose first indexed column is that OID.
template <class Row, class Visit>
void for_each_of(Oid catalog, Oid index, AttrNumber column, Oid value, Visit visit) {
    ScanKeyData key;
    ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value));
    Relation table = table_open(catalog, AccessShareLock);
    SysScanDesc scan = systable_beginscan(table, index, true, nullptr, 1, &key);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        visit(reinterpret_cast<Row>(GETSTRUCT(tuple)));
    }
    systable_endscan(scan);
    table_close(table, AccessShareLock);
}

// Both those of the table that references and those of the other one.
bool are_triggers_enabled(Oid constraint) {
    bool enabled = true;
    for_each_of<Form_pg_trigger>(TriggerRelationId, TriggerConstraintIndexId,
                                 Anum_pg_trigger_tgconstraint, constraint, [&](auto* trigger) {
                                     enabled = enabled &&
                                               (trigger->tgenabled == TRIGGER_FIRES_ON_ORIGIN ||
                                                trigger->tgenabled == TRIGGER_FIRES_ALWAYS);
                                 });
    return enabled;
}

// May a trigger keep rows of the table from being deleted, or updated, in silence?
bool may_withhold_changes(Oid relation) {
    bool may = false;
    for_each_of<Form_pg_trigger>(
        TriggerRelationId, TriggerRelidNameIndexId, Anum_pg_trigger_tgrelid, relation,
        [&](auto* trigger) {
            may = may ||
                  (TRIGGER_FOR_ROW(trigger->tgtype) && TRIGGER_FOR_BEFORE(trigger->tgtype) &&
                   (TRIGGER_FOR_DELETE(trigger->tgtype) || TRIGGER_FOR_UPDATE(trigger->tgtype)));
        });
    return may;
}

// Does the key change rows itself when what they reference goes, or becomes another one?
bool acts(char action) {
    return action != FKCONSTR_ACTION_NOACTION && action != FKCONSTR_ACTION_RESTRICT;
}

bool is_in_force(const FormData_pg_constraint& key) {
    if (!key.convalidated || !are_triggers_enabled(key.oid)) return false;
    return !(acts(key.confdeltype) || acts(key.confupdtype)) || !may_withhold_changes(key.conrelid);
}

}  // namespace

bool is_reference_kept(Oid from, Oid to) {
    if (!is_plain_table(from, false) || !is_plain_table(to, true)) return false;
    bool any = false, kept = true;
    for_each_of<Form_pg_constraint>(
        ConstraintRelationId, ConstraintRelidTypidNameIndexId, Anum_pg_constraint_conrelid, from,
        [&](auto* constraint) {
            if (constraint->contype != CONSTRAINT_FOREIGN || constraint->confrelid != to) return;
            any = true;
            kept = kept && is_in_force(*constraint);
        });
    return any && kept;
}

}  // namespace cache_ext::pg
