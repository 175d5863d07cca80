#include "pg/write/own_writes.hpp"

#include "pg/base/compat.hpp"
#include "pg/write/changes.hpp"
#include "pg/write/own_ddl.hpp"
#include "pg/ddl/row_counts.hpp"

extern "C" {
#include "access/xact.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/pgstat_internal.h"
}

namespace cache_ext::pg {

bool changed_by_this_transaction(const Definition* d, const Key& key) {
    if (!pgstat_track_counts) return true;
    if (collected_for(d, key)) return true;
    for (int i = 0; i < d->relation_count; ++i) {
        if (has_changed_rows(d->relations[i])) return true;
    }
    return own_ddl_concerns(d);
}

const char* what_was_changed(const Definition* d, const Key& key) {
    if (!pgstat_track_counts) return "unknown, track_counts is off";
    if (collected_whole(d->id)) return "the whole cache";
    if (collected_key(key)) return "the key";
    for (int i = 0; i < d->relation_count; ++i) {
        if (!has_changed_rows(d->relations[i])) continue;
        const char* name = get_rel_name(d->relations[i]);
        return name != nullptr ? psprintf("table %s", quote_identifier(name)) : "a table";
    }
    if (own_ddl_concerns(d)) return "definitions in the catalogs";
    return "what its loader reads through other caches, or a part of the key";
}

bool changed_something_cached() {
    if (!pgstat_track_counts || anything_collected()) return true;
    const PgStat_SubXactStatus* level =
        pgstat_get_xact_stack_level(GetCurrentTransactionNestLevel());
    for (; level != nullptr; level = level->prev) {
        for (const PgStat_TableXactStatus* t = level->first; t != nullptr; t = t->next) {
            const Oid relation = table_of(t->parent);
            if (dependencies_of(relation) != nullptr && has_changed_rows(relation)) return true;
        }
    }
    return own_ddl_concerns_anything();
}

}  // namespace cache_ext::pg
