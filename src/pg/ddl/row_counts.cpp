#include "pg/ddl/row_counts.hpp"

extern "C" {
#include "pgstat.h"
}

namespace cache_ext::pg {

bool has_changed_rows(Oid relation) {
    const PgStat_TableStatus* status = find_tabstat_entry(relation);
    if (status == nullptr) return false;
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
