// cache_health, the check of our triggers: are they all there, enabled, and ENABLE ALWAYS?
#include "pg/base/compat.hpp"
#include "pg/catalog/definitions.hpp"
#include "pg/catalog/standing.hpp"
#include "pg/sql/health.hpp"
#include "pg/catalog/rights.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

struct TriggerState {
    bool row;       // there is one for rows
    bool truncate;  // and one for TRUNCATE
    bool cloned;    // the row trigger came from the partitioned table, without the other
    bool disabled;
    bool ordinary;  // not ENABLE ALWAYS
};

TriggerState state_of(Relation catalog, Oid relation) {
    TriggerState state = {};
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(relation));
    SysScanDesc scan = systable_beginscan(catalog, TriggerRelidNameIndexId, true, nullptr, 1, &key);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        const auto* trigger = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple));
        if (trigger->tgfoid != invalidate_trigger()) continue;
        if (TRIGGER_FOR_ROW(trigger->tgtype)) {
            state.row = true;
            state.cloned = OidIsValid(trigger->tgparentid);
        } else {
            state.truncate = true;
        }
        if (trigger->tgenabled == TRIGGER_DISABLED) state.disabled = true;
        if (trigger->tgenabled != TRIGGER_FIRES_ALWAYS) state.ordinary = true;
    }
    systable_endscan(scan);
    return state;
}

const char* fault(const TriggerState& s) {
    if (!s.row || (!s.truncate && !s.cloned)) return "missing";
    if (s.disabled) return "disabled";
    return s.ordinary ? "not ENABLE ALWAYS" : nullptr;
}

// A table that is there and can have triggers.
bool has_triggers(Oid relation) {
    const char kind = get_rel_relkind(relation);
    return kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;
}

// Triggers of ours that call for nothing, with each changed row, on tables that the current user
// may see to; what drops them.
List* needless_triggers(Relation catalog, bool all) {
    List* tables = NIL;
    if (!definitions_ready()) return NIL;  // nobody knows what is needed
    SysScanDesc scan =
        systable_beginscan(catalog, TriggerRelidNameIndexId, true, nullptr, 0, nullptr);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        const auto* trigger = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple));
        if (trigger->tgfoid != invalidate_trigger() || OidIsValid(trigger->tgparentid)) continue;
        if (dependencies_of(trigger->tgrelid) != nullptr) continue;
        if (!all && !object_ownercheck(RelationRelationId, trigger->tgrelid, GetUserId())) continue;
        tables = lappend(tables, psprintf("needless: DROP TRIGGER %s ON %s",
                                          quote_identifier(NameStr(trigger->tgname)),
                                          relation_as_sql(trigger->tgrelid)));
    }
    systable_endscan(scan);
    return tables;
}

}  // namespace

HealthCheck check_triggers(bool all) {
    constexpr int kNamed = 5;
    HealthCheck check = {"triggers"};
    check.measured = true;
    StringInfoData detail;
    initStringInfo(&detail);
    Relation catalog = table_open(TriggerRelationId, AccessShareLock);
    List* seen = NIL;
    int tables = 0;
    for (int i = 0; i < definition_count(); ++i) {
        const Definition* d = definition_at(i);
        for (int k = 0; may_see(d) && k < d->relation_count; ++k) {
            const Oid relation = d->relations[k];
            if (list_member_oid(seen, relation) || !has_triggers(relation)) continue;
            seen = lappend_oid(seen, relation);
            ++tables;
            const TriggerState state = state_of(catalog, relation);
            const char* what = fault(state);
            if (what == nullptr) continue;
            // An ordinary trigger sees all but replicated changes; without one it is up to the
            // statistics to tell that the table has changed at all.
            const bool fires = state.row && !state.disabled && (state.truncate || state.cloned);
            check.status = std::max(check.status, fires ? Status::kWarning : Status::kCritical);
            check.value += 1;
            if (check.value > kNamed) continue;
            appendStringInfo(&detail, "%s%s.%s: %s", detail.len > 0 ? ", " : "",
                             get_namespace_name(get_rel_namespace(relation)),
                             get_rel_name(relation), what);
        }
    }
    ListCell* cell;
    foreach (cell, needless_triggers(catalog, all)) {
        check.status = std::max(check.status, Status::kWarning);
        check.value += 1;
        if (check.value > kNamed) continue;
        appendStringInfo(&detail, "%s%s", detail.len > 0 ? ", " : "",
                         static_cast<char*>(lfirst(cell)));
    }
    table_close(catalog, AccessShareLock);
    if (check.value > kNamed) {
        appendStringInfo(&detail, " and %d more", static_cast<int>(check.value) - kNamed);
    }
    check.detail =
        check.value > 0 ? detail.data : psprintf("%d tables have their triggers", tables);
    return check;
}

}  // namespace cache_ext::pg
