// The trigger that cache_invalidate_on puts on a relation: one per relation, for all caches.
#include "pg/write/changes.hpp"
#include "pg/write/path_rows.hpp"
#include "pg/write/row_deltas.hpp"
#include "pg/write/relation_changes.hpp"
#include "pg/write/telling_trigger.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/ddl/row_counts.hpp"

extern "C" {
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "utils/datum.h"
#include "utils/rel.h"
}

namespace cache_ext::pg {
namespace {

bool same_column(TupleTableSlot* old_row, TupleTableSlot* new_row, AttrNumber column) {
    bool old_null, new_null;
    const Datum a = slot_getattr(old_row, column, &old_null);
    const Datum b = slot_getattr(new_row, column, &new_null);
    if (old_null || new_null) return old_null == new_null;
    const Form_pg_attribute attribute = TupleDescAttr(new_row->tts_tupleDescriptor, column - 1);
    return datum_image_eq(a, b, attribute->attbyval, attribute->attlen);
}

// Does the update change one of these? Those that are 0 are none.
bool any_changed(const AttrNumber* columns, int count, TupleTableSlot* old_row,
                 TupleTableSlot* new_row) {
    return std::any_of(columns, columns + count, [&](AttrNumber column) {
        return column != 0 && !same_column(old_row, new_row, column);
    });
}

// Does the update change anything that this dependency cares about? Beside the columns that were
// named, those that the keys come from: a row that moves is another key's.
bool concerns(const Dependency& dep, TupleTableSlot* old_row, TupleTableSlot* new_row) {
    if (dep.all_columns) return true;
    if (any_changed(dep.columns, dep.column_count, old_row, new_row)) return true;
    switch (dep.kind) {
        case DependencyKind::kKey:
            return any_changed(dep.key, dep.definition->columns, old_row, new_row);
        case DependencyKind::kPath:
            return any_changed(dep.row_columns, dep.row_column_count, old_row, new_row);
        case DependencyKind::kVia:
            break;
    }
    return false;
}

void collect_row(const Dependency& dep, TupleTableSlot* row, bool is_new) {
    if (dep.kind == DependencyKind::kPath) {
        collect_path_row(dep, row, is_new);
        return;
    }
    bool null;
    core::Span instant;
    if (dep.bounds.any()) {
        const Datum value = slot_getattr(row, dep.instant, &null);
        if (null) return;  // it lies between nothing
        instant.lo = instant.hi = instant_of(dep.instant_type, value);
    }
    uint64 hashes[kMaxKeyColumns];
    for (int i = 0; i < dep.definition->columns; ++i) {
        if (dep.key[i] == 0 || dep.bounds.name(i)) continue;
        const Datum value = slot_getattr(row, dep.key[i], &null);
        hashes[i] = hash_column(dep.definition->key_types[i], value, null);
    }
    if (dep.bounds.any()) {
        collect_instant(dep.definition, dep.mask, dep.bounds, hashes, instant);
    } else {
        collect_change(dep.definition, dep.mask, hashes);
    }
}

// Does nothing come of a new row until another one references it, whose writer tells of that? A row
// that is put where this transaction has removed one may be referenced already: a foreign key looks
// at the end only. So may one that comes from elsewhere with its triggers switched off.
bool waits(const Dependency& dep) {
    return dep.new_rows_wait && SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA &&
           !may_have_removed_rows(dep.declared);
}

void row_changed(const RelationDependencies& relation, const TriggerData& fired,
                 TupleTableSlot* old_row, TupleTableSlot* new_row) {
    for (int i = 0; i < relation.count; ++i) {
        const Dependency& dep = relation.dependencies[i];
        if (dep.definition->aggregates) {
            const Telling telling = telling_of(fired);
            if (telling == Telling::kElsewhere) continue;
            collect_row_delta(dep, fired.tg_relation, old_row, new_row, telling == Telling::kHere);
            continue;
        }
        const bool update = old_row != nullptr && new_row != nullptr;
        if (update && !concerns(dep, old_row, new_row)) continue;
        if (dep.kind == DependencyKind::kVia) {
            const bool covered = update ? dep.covers_updates : dep.covers_rows;
            if (!covered) collect_whole(dep.definition->id, false);
            // A deleted row, too: another one may be inserted in its place.
            if (new_row == nullptr || update || dep.inserts) collect_path_move(dep);
            continue;
        }
        if (old_row == nullptr && waits(dep)) continue;
        if (old_row != nullptr) collect_row(dep, old_row, false);
        if (new_row != nullptr) collect_row(dep, new_row, true);
    }
}

// Anybody can call this function from a trigger of his own. One that sees part of the changes would
// pass for one that has announced them all.
void check_trigger(const TriggerData& data) {
    const TriggerEvent event = data.tg_event;
    const Trigger& t = *data.tg_trigger;
    const bool whole = t.tgqual == nullptr && t.tgnattr == 0 && t.tgnargs == 0;
    if (whole && TRIGGER_FIRED_AFTER(event) &&
        TRIGGER_FIRED_FOR_ROW(event) != TRIGGER_FIRED_BY_TRUNCATE(event)) {
        return;
    }
    ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                    errmsg("cache_invalidate_trigger must be fired after each row, or after "
                           "TRUNCATE, without arguments, columns or a condition"),
                    errhint("Drop the trigger \"%s\", and declare what depends on the table with "
                            "cache_invalidate_on.",
                            t.tgname)));
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_invalidate_trigger_1_0);
}

extern "C" Datum cache_invalidate_trigger_1_0(PG_FUNCTION_ARGS) {
    if (!CALLED_AS_TRIGGER(fcinfo)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("cache_invalidate_trigger must be called as a trigger")));
    }
    auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    check_trigger(*trigger);
    if (!store_ready()) return Datum{0};
    forget_unused_definitions();
    const Oid relation = RelationGetRelid(trigger->tg_relation);
    if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)) {
        collect_hard_relation(relation);
        note_collected(relation);
        return Datum{0};
    }
    const RelationDependencies* dependencies = dependencies_of(relation);
    if (dependencies == nullptr) return Datum{0};
    TupleTableSlot* first = trigger->tg_trigslot;
    if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event)) {
        row_changed(*dependencies, *trigger, nullptr, first);
    } else if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event)) {
        row_changed(*dependencies, *trigger, first, nullptr);
    } else {
        row_changed(*dependencies, *trigger, first, trigger->tg_newslot);
    }
    // Who writes after everybody has looked (a callback of another extension's).
    if (committing()) collect_tracked(relation, false);
    // A trigger that ALTER TABLE ... ENABLE TRIGGER ALL has made an ordinary one may have missed
    // the transaction's other changes: those made with session_replication_role = replica.
    if (trigger->tg_trigger->tgenabled == TRIGGER_FIRES_ALWAYS) note_collected(relation);
    return Datum{0};
}

}  // namespace cache_ext::pg
