#include "pg/write/relation_changes.hpp"

#include "pg/base/compat.hpp"
#include "pg/write/changes.hpp"
#include "pg/write/levels.hpp"
#include "pg/write/path_rows.hpp"
#include "pg/write/registration.hpp"
#include "pg/ddl/row_counts.hpp"
#include "pg/base/store_handle.hpp"

extern "C" {
#include "pgstat.h"
#include "utils/pgstat_internal.h"
}

namespace cache_ext::pg {
namespace {

NotedIds collected = {};  // relations

// Nobody knows which tables it has changed.
void collect_all_tracked() {
    for (core::CacheIndex i = 0; i < store().max_caches(); ++i) {
        const core::CacheControl* c = store().control(i);
        const uint64 id = core::load_acquire(c->id);
        const bool here = id != 0 && c->database == MyDatabaseId;
        if (here && core::load_relaxed(c->tracks)) collect_whole(id, false);
    }
}

}  // namespace

void collect_tracked(Oid relation, bool hard) {
    core::TrackingCaches caches = tracking(relation);
    for (core::CacheIndex i; (i = caches.next()) != core::kNoCache;) {
        // A look without a lock may meet the places of others.
        const core::CacheControl* c = store().control(i);
        const uint64 id = core::load_acquire(c->id);
        if (id == 0 || c->database != MyDatabaseId) continue;
        // Where the relation has been declared since it was tracked, rows are the triggers'
        // business, unless that has turned out to say too little.
        if (hard || !is_declared_for(id, relation, core::load_acquire(c->disproven))) {
            collect_whole(id, hard);
        }
    }
}

void collect_hard_relation(Oid relation) {
    const RelationDependencies* r = dependencies_of(relation);
    for (int i = 0; r != nullptr && i < r->count; ++i) {
        const Dependency& dep = r->dependencies[i];
        collect_whole(dep.definition->id, true);
        if (dep.kind == DependencyKind::kVia) collect_path_move(dep);
    }
    if (store_ready()) collect_tracked(relation, true);
}

bool is_tracked_for(Oid relation, core::CacheIndex cache) {
    core::TrackingCaches caches = tracking(relation);
    for (core::CacheIndex i; (i = caches.next()) != core::kNoCache;) {
        if (i == cache) return true;
    }
    return false;
}

void note_collected(Oid relation) {
    if (!committing()) collected.note(relation);
}

// A table that a cache depends on has changed rows, and no trigger of ours has seen them: it was
// disabled, or the change went past triggers, or the table is tracked and has none. PostgreSQL's
// list of the tables that this transaction changed is short, whatever the number of partitions.
void collect_unseen_changes() {
    if (counts_incomplete()) collect_all_tracked();
    for (const PgStat_TableXactStatus* t =
             pgstat_get_xact_stack_level(GetCurrentTransactionNestLevel())->first;
         t != nullptr; t = t->next) {
        const Oid relation = table_of(t->parent);
        if (!has_changed_rows(relation)) continue;
        if (t->truncdropped) {
            // By replication, for example, which fires no trigger of a partition's parent.
            collect_hard_relation(relation);
        }
        collect_tracked(relation, false);
        const RelationDependencies* r = dependencies_of(relation);
        if (r == nullptr || collected.has(relation)) continue;
        for (int k = 0; k < r->count; ++k) {
            const Dependency& dep = r->dependencies[k];
            collect_whole(dep.definition->id, false);
            if (dep.kind == DependencyKind::kVia) collect_path_move(dep);
            const core::CacheIndex index = control_block_of(dep.definition->id);
            if (index != core::kNoCache && !r->has_no_triggers) {
                store().control(index)->counters.add(stripe(), core::Counter::kUntriggered);
            }
        }
    }
}

void forget_collected_relations() {
    collected.forget();
}

void subtransaction_ended_for_collected_relations(int level, bool committed) {
    collected.subtransaction_ended(level, committed);
}

}  // namespace cache_ext::pg
