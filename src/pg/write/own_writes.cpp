#include "pg/write/own_writes.hpp"

#include "pg/write/changes.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/write/own_ddl.hpp"
#include "pg/write/relation_changes.hpp"
#include "pg/ddl/row_counts.hpp"

extern "C" {
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

// A relation that this transaction has changed, and that is tracked for the cache; InvalidOid:
// none.
Oid changed_tracked(const Definition* d) {
    Oid changed = InvalidOid;
    const core::CacheIndex index = control_block(d);
    if (!d->tracks || index == core::kNoCache) return changed;
    for_each_changed_relation([&](Oid relation) {
        if (!is_tracked_for(relation, index)) return true;
        changed = relation;
        return false;
    });
    return changed;
}

bool is_tracked_by_any(Oid relation) {
    return tracking(relation).next() != core::kNoCache;
}

// Named for who may read it: a trigger of somebody else may have changed it.
const char* table_text(Oid relation) {
    const char* name = get_rel_name(relation);
    return name != nullptr && pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK
               ? psprintf("table %s", quote_identifier(name))
               : "a table";
}

}  // namespace

bool changed_by_this_transaction(const Definition* d, const Key& key) {
    if (counts_incomplete()) return true;
    if (collected_for(d, key)) return true;
    for (int i = 0; i < d->relation_count; ++i) {
        if (has_changed_rows(d->relations[i])) return true;
    }
    return OidIsValid(changed_tracked(d)) || own_ddl_concerns(d);
}

const char* what_was_changed(const Definition* d, const Key& key) {
    if (counts_incomplete()) {
        return pgstat_track_counts ? "unknown, track_counts was off"
                                   : "unknown, track_counts is off";
    }
    if (collected_whole(d->id)) return "the whole cache";
    if (collected_key(key)) return "the key";
    for (int i = 0; i < d->relation_count; ++i) {
        if (has_changed_rows(d->relations[i])) return table_text(d->relations[i]);
    }
    if (const Oid tracked = changed_tracked(d); OidIsValid(tracked)) return table_text(tracked);
    if (own_ddl_concerns(d)) return "definitions in the catalogs";
    return "what its loader reads through other caches, or a part of the key";
}

bool changed_something_cached() {
    if (counts_incomplete() || anything_collected()) return true;
    return !for_each_changed_relation([](Oid relation) {
        return dependencies_of(relation) == nullptr && !is_tracked_by_any(relation);
    }) || own_ddl_concerns_anything();
}

}  // namespace cache_ext::pg
