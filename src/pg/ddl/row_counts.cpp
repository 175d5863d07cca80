#include "pg/ddl/row_counts.hpp"

extern "C" {
#include "pgstat.h"
#include "utils/pgstat_internal.h"
}

namespace cache_ext::pg {

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

}  // namespace cache_ext::pg
