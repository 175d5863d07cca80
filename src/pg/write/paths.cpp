// The key queries of path dependencies, run at PRE_COMMIT, exact against concurrent changes of the
// path.
//
// A child writer (its row reaches its key through other tables) looks its key up under a snapshot
// that is newer than its announcement. A mover (it changes the mapping in those tables) announces
// itself, too. Both announce before they look at the other's announcements, so of two that overlap
// at least one sees the other:
//
//   * a child that finds a mover which its snapshot cannot see registers on the whole cache;
//   * a mover that finds a child which may still be running registers that child on the whole
//   cache.
//     Nobody has seen the move yet, so this comes in time: whoever sees the mover committed took
//     its snapshot after this registration.
//
// Announcements are tags of their own that no entry carries; when their ring cannot tell
// (overflow), both sides assume the worst.
#include "pg/write/paths.hpp"

#include "pg/write/changes.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/load/environment.hpp"
#include "pg/base/guarded.hpp"
#include "pg/base/memory.hpp"
#include "pg/catalog/path_announcements.hpp"
#include "pg/write/path_rows.hpp"
#include "pg/write/registration.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/base/spi.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/typcache.h"
}

namespace cache_ext::pg {
namespace {

// Prepared key queries of this session.
struct PreparedPath {
    int64 id;
    uint64 generation;
    SPIPlanPtr plan;
};
List* prepared = NIL;

void announce(core::Tag tag) {
    register_now({tag, core::TagKind::kPart, false, core::kNoCache}, own_xid());
}

// As a mover: children that may have looked before they could see the move.
void catch_children(const Path& p, const core::Snapshot& snapshot) {
    const core::CacheIndex index = attach_control_block(p.cache_id);
    if (index == core::kNoCache) return;
    core::WriterSet children;
    if (!store().all_seen(children_tag(p.id), own_xid(), snapshot, &children)) {
        store().distrust(index, U64FromFullTransactionId(ReadNextFullTransactionId()));
        return;
    }
    const core::Tag whole = whole_tag({MyDatabaseId, p.cache_id});
    for (uint32 i = 0; i < children.count; ++i) {
        register_now({whole, core::TagKind::kWhole, false, index, true}, children.xid[i]);
    }
}

bool moved_meanwhile(const Path& p, const core::Snapshot& snapshot) {
    core::WriterSet movers;
    return !store().all_seen(movers_tag(p.id), own_xid(), snapshot, &movers) || movers.count > 0;
}

const Dependency* dependency_of(const Path& p) {
    const RelationDependencies* r = dependencies_of(p.declared);
    for (int i = 0; r != nullptr && i < r->count; ++i) {
        if (r->dependencies[i].path == p.id && r->dependencies[i].kind == DependencyKind::kPath) {
            return &r->dependencies[i];
        }
    }
    return nullptr;
}

bool is_declared(int64 path) {
    for (int i = 0; i < definition_count(); ++i) {
        const Definition* d = definition_at(i);
        for (int k = 0; k < d->relation_count; ++k) {
            const RelationDependencies* r = dependencies_of(d->relations[k]);
            const auto is = [path](const Dependency& dep) {
                return dep.kind == DependencyKind::kPath && dep.path == path;
            };
            if (r != nullptr && std::any_of(r->dependencies, r->dependencies + r->count, is)) {
                return true;
            }
        }
    }
    return false;
}

// Plans go with the declarations that they belong to: no more are kept than there are of these.
void forget_plans_of_dropped_paths() {
    ListCell* cell;
    foreach (cell, prepared) {
        auto* known = static_cast<PreparedPath*>(lfirst(cell));
        if (is_declared(known->id)) continue;
        if (known->plan != nullptr) SPI_freeplan(known->plan);
        pfree(known);
        prepared = foreach_delete_current(prepared, cell);
    }
}

SPIPlanPtr prepare(const Path& p, const Dependency& dep) {
    PreparedPath* known = nullptr;
    ListCell* cell;
    foreach (cell, prepared) {
        auto* candidate = static_cast<PreparedPath*>(lfirst(cell));
        if (candidate->id == p.id) known = candidate;
    }
    if (known != nullptr && known->plan != nullptr &&
        known->generation == definitions_generation()) {
        return known->plan;
    }
    if (known == nullptr) {
        forget_plans_of_dropped_paths();
        MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
        known = static_cast<PreparedPath*>(palloc0(sizeof(PreparedPath)));
        known->id = p.id;
        prepared = lappend(prepared, known);
        MemoryContextSwitchTo(old);
    } else if (known->plan != nullptr) {
        SPI_freeplan(known->plan);
        known->plan = nullptr;
    }
    Oid type = get_rel_type_id(p.declared);
    SPIPlanPtr plan = prepare_spi(dep.key_query, 1, &type);
    SPI_keepplan(plan);
    known->plan = plan;
    known->generation = definitions_generation();
    return plan;
}

// The row with all columns but those read set to null, as a value of the relation's row type.
Datum composite(const Path& p, const PathRow& row, TupleDesc desc) {
    auto* values = static_cast<Datum*>(palloc0(sizeof(Datum) * desc->natts));
    auto* nulls = make_array<bool>(static_cast<size_t>(desc->natts));
    std::fill_n(nulls, desc->natts, true);
    for (int i = 0; i < p.column_count; ++i) {
        const AttrNumber column = get_attnum(p.declared, p.column_names[i]);
        if (column <= 0) elog(ERROR, "column %s has gone", p.column_names[i]);
        values[column - 1] = row.values[i];
        nulls[column - 1] = row.nulls[i];
    }
    return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

// Everything that the key query reads, as far as is known before the query has been planned, or
// after: a commit does not wait for whoever holds a lock on it.
void lock_known_tables(const Path& p) {
    lock_without_waiting(p.declared);
    for (int i = 0; i < dependency_relation_count(); ++i) {
        const RelationDependencies& r = dependency_relation_at(i);
        for (int k = 0; k < r.count; ++k) {
            const Dependency& dep = r.dependencies[k];
            if (dep.kind == DependencyKind::kVia && dep.path == p.id) {
                lock_without_waiting(r.relation);
            }
        }
    }
}

void lock_planned_tables(SPIPlanPtr plan, const Path& p) {
    ListCell* sources;
    foreach (sources, SPI_plan_get_plan_sources(plan)) {
        auto* source = static_cast<CachedPlanSource*>(lfirst(sources));
        if (!p.reads_tables && source->relationOids != NIL) elog(ERROR, "the query has changed");
        ListCell* cell;
        foreach (cell, source->relationOids) {
            const Oid relation = lfirst_oid(cell);
            lock_without_waiting(relation);
            if (!has_subclass(relation)) continue;
            ListCell* child;
            foreach (child, find_all_inheritors(relation, NoLock, nullptr)) {
                lock_without_waiting(lfirst_oid(child));
            }
        }
    }
}

void remember_key(const Definition* d, Path* p) {
    for (uint64 r = 0; r < SPI_processed; ++r) {
        // More than a transaction may name one by one.
        if (p->found_count >= settings.max_transaction_tags) p->whole = true;
        if (p->whole) return;
        if (p->found_count == p->found_capacity) {
            p->found_capacity = std::max(16, p->found_capacity * 2);
            const size_t size =
                sizeof(uint64) * static_cast<size_t>(d->columns * p->found_capacity);
            p->found = static_cast<uint64*>(p->found == nullptr
                                                ? MemoryContextAllocHuge(path_memory(), size)
                                                : repalloc_huge(p->found, size));
        }
        uint64* hashes = p->found + static_cast<size_t>(d->columns) * p->found_count++;
        for (int k = 0; k < d->columns; ++k) {
            bool null;
            const Datum key =
                SPI_getbinval(SPI_tuptable->vals[r], SPI_tuptable->tupdesc, k + 1, &null);
            hashes[k] = hash_column(d->key_types[k], key, null);
        }
    }
}

// Looks up the keys of every row, as the cache's owner.
void find_keys_of_rows(Path* p, const Dependency& dep) {
    lock_known_tables(*p);
    SPIPlanPtr plan = prepare(*p, dep);
    lock_planned_tables(plan, *p);
    TupleDesc desc = lookup_rowtype_tupdesc_copy(get_rel_type_id(p->declared), -1);
    for (int i = 0; i < p->count && !p->whole; ++i) {
        CHECK_FOR_INTERRUPTS();
        Datum value = composite(*p, p->rows[i], desc);
        const int result = SPI_execute_plan(plan, &value, nullptr, true, 0);
        if (result != SPI_OK_SELECT) elog(ERROR, "%s", SPI_result_code_string(result));
        // A row that exists and reaches no key now may reach one once a concurrent transaction has
        // committed, unless that has to announce itself. One that has gone reaches none any more,
        // or its path went with it, and that has a trigger of its own.
        if (SPI_processed == 0 && p->rows[i].is_new && p->reads_tables && !dep.inserts) {
            p->whole = true;
        }
        remember_key(dep.definition, p);
        SPI_freetuptable(SPI_tuptable);
    }
}

// ERROR for any trouble: the caller widens.
void find_keys(void* argument) {
    auto* p = static_cast<Path*>(argument);
    const Dependency* dep = dependency_of(*p);
    if (dep == nullptr) elog(ERROR, "the declaration has changed");
    connect_spi();
    if (as_owner_of(dep->definition, [&] { find_keys_of_rows(p, *dep); }) != core::Bypass::kNone) {
        elog(ERROR, "the key query depends on the session");
    }
    SPI_finish();
}

// What was found becomes tags, out of the subtransaction that found it.
void collect_found(const Path& p) {
    const Dependency* dep = dependency_of(p);
    if (p.whole || dep == nullptr) {
        collect_whole(p.cache_id, false);
        return;
    }
    for (int i = 0; i < p.found_count; ++i) {
        collect_change(dep->definition, dep->mask,
                       p.found + static_cast<size_t>(dep->definition->columns) * i);
    }
}

void resolve_rows(Path* p) {
    // Nobody moves the keys of rows that give them themselves.
    if (p->reads_tables) announce(children_tag(p->id));
    CommandCounterIncrement();  // what the last statement did, too
    PushActiveSnapshot(GetLatestSnapshot());
    const core::Snapshot snapshot = copy_to_core(GetActiveSnapshot());
    if (!guarded(find_keys, p, "a lookup failed, the whole cache is invalidated",
                 settings.path_timeout_ms)) {
        p->whole = true;
    }
    PopActiveSnapshot();
    if (p->reads_tables && moved_meanwhile(*p, snapshot)) p->whole = true;
    collect_found(*p);
}

}  // namespace

void resolve_paths() {
    ListCell* cell;
    // Making a control block announces who was prepared before the server started.
    foreach (cell, changed_paths())
        attach_control_block(static_cast<Path*>(lfirst(cell))->cache_id);
    foreach (cell, changed_paths()) {
        const auto* p = static_cast<Path*>(lfirst(cell));
        if (p->moved_at == 0) continue;
        announce(movers_tag(p->id));
        catch_children(*p, copy_to_core(GetLatestSnapshot()));
    }
    foreach (cell, changed_paths()) {
        auto* p = static_cast<Path*>(lfirst(cell));
        if (p->count == 0 || p->widened_at != 0) continue;
        // What a key query reads would be read by this transaction, for the conflicts that let
        // SERIALIZABLE ones fail.
        if (p->reads_tables && IsolationIsSerializable()) {
            collect_whole(p->cache_id, false);
        } else {
            resolve_rows(p);
        }
    }
}

}  // namespace cache_ext::pg
