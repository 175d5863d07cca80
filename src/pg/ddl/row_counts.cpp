#include "pg/ddl/row_counts.hpp"

namespace cache_ext::pg {
namespace {

GucBoolAssignHook previous_assign = nullptr;
bool were_off = false;

// Called before the setting changes. Where a transaction's end puts it back, no transaction is in
// progress any more.
void assign_track_counts(bool value, void* extra) {
    if (IsTransactionState() && (!value || !pgstat_track_counts)) were_off = true;
    if (previous_assign != nullptr) previous_assign(value, extra);
}

bool removed(const PgStat_TableXactStatus* t) {
    return t->tuples_updated != 0 || t->tuples_deleted != 0 || t->truncdropped ||
           t->updated_pre_truncdrop != 0 || t->deleted_pre_truncdrop != 0;
}

bool inserted(const PgStat_TableXactStatus* t) {
    return t->tuples_inserted != 0 || t->inserted_pre_truncdrop != 0;
}

// This transaction's, at the level of the innermost subtransaction that has some; nullptr: none.
// Not by find_tabstat_entry(): from 17 on that returns a copy which knows no transaction.
const PgStat_TableXactStatus* counts_of(Oid relation) {
    const PgStat_EntryRef* entry =
        pgstat_fetch_pending_entry(PGSTAT_KIND_RELATION, MyDatabaseId, relation);
    if (entry == nullptr)  // of all databases
        entry = pgstat_fetch_pending_entry(PGSTAT_KIND_RELATION, InvalidOid, relation);
    return entry != nullptr ? static_cast<const PgStat_TableStatus*>(entry->pending)->trans
                            : nullptr;
}

}  // namespace

bool has_changed_rows(Oid relation) {
    for (const auto* t = counts_of(relation); t != nullptr; t = t->upper) {
        if (inserted(t) || removed(t)) return true;
    }
    return false;
}

bool may_have_removed_rows(Oid relation) {
    for (const auto* t = counts_of(relation); t != nullptr; t = t->upper) {
        if (removed(t)) return true;
    }
    return counts_incomplete();
}

bool counts_incomplete() {
    return were_off || !pgstat_track_counts;
}

void transaction_ended_for_counts() {
    were_off = false;
}

void install_row_counts() {
    config_generic* setting = find_setting("track_counts");
    if (setting == nullptr || setting->vartype != PGC_BOOL) return;
    previous_assign = bool_of(setting).assign_hook;
    bool_of(setting).assign_hook = assign_track_counts;
}

}  // namespace cache_ext::pg
