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

}  // namespace

// Not by find_tabstat_entry(): from 17 on that returns a copy which knows no transaction.
bool has_changed_rows(Oid relation) {
    const PgStat_EntryRef* entry =
        pgstat_fetch_pending_entry(PGSTAT_KIND_RELATION, MyDatabaseId, relation);
    if (entry == nullptr)  // of all databases
        entry = pgstat_fetch_pending_entry(PGSTAT_KIND_RELATION, InvalidOid, relation);
    if (entry == nullptr) return false;
    const auto* status = static_cast<const PgStat_TableStatus*>(entry->pending);
    for (const PgStat_TableXactStatus* t = status->trans; t != nullptr; t = t->upper) {
        if (t->tuples_inserted != 0 || t->tuples_updated != 0 || t->tuples_deleted != 0 ||
            t->truncdropped || t->inserted_pre_truncdrop != 0 || t->updated_pre_truncdrop != 0 ||
            t->deleted_pre_truncdrop != 0) {
            return true;
        }
    }
    return false;
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
