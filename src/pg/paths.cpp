// Lookups of path dependencies at PRE_COMMIT, exact against concurrent changes of the path.
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
#include "pg/paths.hpp"

#include "pg/changes.hpp"
#include "pg/guarded.hpp"
#include "pg/load.hpp"
#include "pg/memory.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/spi.hpp"

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

// The columns of a changed row that its key query reads.
struct PathRow {
    uint64 hash;
    int level;
    bool is_new;
    Datum* values;
    bool* nulls;
};

// Of one path dependency, in this transaction.
struct Path {
    int64 id;
    uint64 cache_id;
    int moved_at;    // level of the outermost one that moved keys, 0: none
    int widened_at;  // level of the one that widened to the whole cache, 0: none
    int count;
    int capacity;
    PathRow* rows;
    // What the lookups of these rows have found: the hashes of each key's columns, one after the
    // other. whole: a row reaches no key now.
    uint64* found;
    int found_count;
    int found_capacity;
    bool whole;
    Oid declared;
    int column_count;
    char** column_names;
};

MemoryContext context = nullptr;
List* paths = NIL;

// Prepared key queries of this session.
struct PreparedPath {
    int64 id;
    uint64 generation;
    SPIPlanPtr plan;
};
List* prepared = NIL;

void begin() {
    if (context != nullptr) return;
    context =
        AllocSetContextCreate(TopTransactionContext, "cache_ext paths", ALLOCSET_DEFAULT_SIZES);
}

Path* path_of(const Dependency& dep) {
    ListCell* cell;
    foreach (cell, paths) {
        auto* p = static_cast<Path*>(lfirst(cell));
        if (p->id == dep.path) return p;
    }
    begin();
    MemoryContext old = MemoryContextSwitchTo(context);
    auto* p = make<Path>();
    p->id = dep.path;
    p->cache_id = dep.definition->id;
    paths = lappend(paths, p);
    MemoryContextSwitchTo(old);
    return p;
}

// Names, since partitions number their columns in their own way.
void remember_shape(Path* p, const Dependency& dep, Oid relation) {
    if (p->column_names != nullptr) return;
    // Complete or not at all: a savepoint may live on after an error in here.
    auto** names = make_array<char*>(static_cast<size_t>(dep.row_column_count));
    for (int i = 0; i < dep.row_column_count; ++i) {
        names[i] = get_attname(relation, dep.row_columns[i], false);
    }
    p->declared = dep.declared;
    p->column_count = dep.row_column_count;
    p->column_names = names;
}

bool same_row(const PathRow& row, const Dependency& dep, TupleTableSlot* slot) {
    for (int i = 0; i < dep.row_column_count; ++i) {
        bool null;
        const Datum value = slot_getattr(slot, dep.row_columns[i], &null);
        if (null != row.nulls[i]) return false;
        if (null) continue;
        const Form_pg_attribute a =
            TupleDescAttr(slot->tts_tupleDescriptor, dep.row_columns[i] - 1);
        if (!datum_image_eq(value, row.values[i], a->attbyval, a->attlen)) return false;
    }
    return true;
}

uint64 hash_row(const Dependency& dep, TupleTableSlot* slot) {
    uint64 h = 0;
    for (int i = 0; i < dep.row_column_count; ++i) {
        bool null;
        const Datum value = slot_getattr(slot, dep.row_columns[i], &null);
        const Form_pg_attribute a =
            TupleDescAttr(slot->tts_tupleDescriptor, dep.row_columns[i] - 1);
        h = hash_combine64(h, null ? 0 : datum_image_hash(value, a->attbyval, a->attlen));
    }
    return h;
}

core::Tag announcement_tag(int64 path, uint64 kind) {
    const uint64 parts[] = {MyDatabaseId, static_cast<uint64>(path), kind};
    return hash_bytes_extended(reinterpret_cast<const uint8*>(parts), sizeof(parts), kind);
}
core::Tag children_tag(int64 path) {
    return announcement_tag(path, 'c');
}
core::Tag movers_tag(int64 path) {
    return announcement_tag(path, 'm');
}

core::Xid own_xid() {
    return U64FromFullTransactionId(GetTopFullTransactionId());
}

constexpr uint32 kMaxUnseenAnnouncements = core::kRingCapacity;

void announce(core::Tag tag) {
    register_now({tag, core::TagKind::kPart, false, core::kNoCache}, own_xid());
}

// As a mover: children that may have looked before they could see the move.
void catch_children(const Path& p, const core::Snapshot& snapshot) {
    const core::CacheIndex index = attach_control_block(p.cache_id);
    if (index == core::kNoCache) return;
    core::Xid children[kMaxUnseenAnnouncements];
    uint32 count;
    if (!store().all_seen(children_tag(p.id), own_xid(), snapshot, children, &count)) {
        store().distrust(index, U64FromFullTransactionId(ReadNextFullTransactionId()));
        return;
    }
    const core::Tag whole = whole_tag({MyDatabaseId, p.cache_id});
    for (uint32 i = 0; i < count; ++i) {
        register_now({whole, core::TagKind::kWhole, false, index, true}, children[i]);
    }
}

bool moved_meanwhile(const Path& p, const core::Snapshot& snapshot) {
    core::Xid movers[kMaxUnseenAnnouncements];
    uint32 count;
    return !store().all_seen(movers_tag(p.id), own_xid(), snapshot, movers, &count) || count > 0;
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

// Everything that a lookup reads, as far as is known before the query has been planned, or after:
// a commit does not wait for whoever holds a lock on it.
void lock_known_tables(const Path& p) {
    lock_without_waiting(p.declared);
    for (int i = 0; i < dependency_relation_count(); ++i) {
        const RelationDependencies& r = dependency_relation_at(i);
        for (int k = 0; k < r.count; ++k) {
            const Dependency& dep = r.dependencies[k];
            if (dep.kind == DependencyKind::kLookup && dep.path == p.id) {
                lock_without_waiting(r.relation);
            }
        }
    }
}

void lock_planned_tables(SPIPlanPtr plan) {
    ListCell* sources;
    foreach (sources, SPI_plan_get_plan_sources(plan)) {
        auto* source = static_cast<CachedPlanSource*>(lfirst(sources));
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
            p->found =
                static_cast<uint64*>(p->found == nullptr ? MemoryContextAllocHuge(context, size)
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
void look_up_rows(Path* p, const Dependency& dep) {
    lock_known_tables(*p);
    SPIPlanPtr plan = prepare(*p, dep);
    lock_planned_tables(plan);
    TupleDesc desc = lookup_rowtype_tupdesc_copy(get_rel_type_id(p->declared), -1);
    for (int i = 0; i < p->count && !p->whole; ++i) {
        CHECK_FOR_INTERRUPTS();
        Datum value = composite(*p, p->rows[i], desc);
        const int result = SPI_execute_plan(plan, &value, nullptr, true, 0);
        if (result != SPI_OK_SELECT) elog(ERROR, "%s", SPI_result_code_string(result));
        // A row that exists and reaches no key now may reach one once a concurrent transaction has
        // committed, unless that has to announce itself. One that has gone reaches none any more,
        // or its path went with it, and that has a trigger of its own.
        if (SPI_processed == 0 && p->rows[i].is_new && !dep.inserts) p->whole = true;
        remember_key(dep.definition, p);
        SPI_freetuptable(SPI_tuptable);
    }
}

// ERROR for any trouble: the caller widens.
void look_up(void* argument) {
    auto* p = static_cast<Path*>(argument);
    const Dependency* dep = dependency_of(*p);
    if (dep == nullptr) elog(ERROR, "the declaration has changed");
    connect_spi();
    if (as_owner_of(dep->definition, [&] { look_up_rows(p, *dep); }) != core::Bypass::kNone) {
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
    announce(children_tag(p->id));
    CommandCounterIncrement();  // what the last statement did, too
    PushActiveSnapshot(GetLatestSnapshot());
    const core::Snapshot snapshot = copy_to_core(GetActiveSnapshot());
    if (!guarded(look_up, p, "a lookup failed, the whole cache is invalidated",
                 settings.path_timeout_ms)) {
        p->whole = true;
    }
    PopActiveSnapshot();
    if (moved_meanwhile(*p, snapshot)) p->whole = true;
    collect_found(*p);
}

}  // namespace

void collect_path_row(const Dependency& dep, TupleTableSlot* slot, bool is_new) {
    const Oid relation = slot->tts_tableOid;
    Path* p = committing() ? nullptr : path_of(dep);
    if (p == nullptr) {
        collect_whole(dep.definition->id, false);  // too late to look anything up
        return;
    }
    if (p->widened_at != 0) return;
    const uint64 hash = hash_row(dep, slot);
    for (int i = p->count - 1; i >= 0; --i) {
        if (p->rows[i].hash != hash || !same_row(p->rows[i], dep, slot)) continue;
        p->rows[i].is_new |= is_new;
        return;
    }
    if (p->count >= settings.max_path_rows) {
        p->widened_at = GetCurrentTransactionNestLevel();
        collect_whole(p->cache_id, false);
        return;
    }
    MemoryContext old = MemoryContextSwitchTo(context);
    remember_shape(p, dep, relation);
    if (p->count == p->capacity) {
        const int capacity = std::max(16, p->capacity * 2);
        const size_t size = sizeof(PathRow) * static_cast<size_t>(capacity);
        p->rows =
            static_cast<PathRow*>(p->rows == nullptr ? palloc(size) : repalloc(p->rows, size));
        p->capacity = capacity;
    }
    const auto columns = static_cast<size_t>(dep.row_column_count);
    PathRow row = {};
    row.hash = hash;
    row.level = GetCurrentTransactionNestLevel();
    row.is_new = is_new;
    row.values = make_array<Datum>(columns);
    row.nulls = make_array<bool>(columns);
    for (int i = 0; i < dep.row_column_count; ++i) {
        const Datum value = slot_getattr(slot, dep.row_columns[i], &row.nulls[i]);
        const Form_pg_attribute a =
            TupleDescAttr(slot->tts_tupleDescriptor, dep.row_columns[i] - 1);
        row.values[i] = row.nulls[i] ? 0 : datumCopy(value, a->attbyval, a->attlen);
    }
    p->rows[p->count++] = row;
    MemoryContextSwitchTo(old);
}

void collect_path_move(const Dependency& dep) {
    if (committing()) {
        // Children that look from now on see neither the announcement nor the move in time.
        collect_whole(dep.definition->id, true);
        return;
    }
    Path* p = path_of(dep);
    if (p->moved_at == 0) p->moved_at = GetCurrentTransactionNestLevel();
}

bool announce_prepared(uint64 cache_id, core::Xid xid) {
    const Definition* d = definitions_loaded() ? find_definition_by_id(cache_id) : nullptr;
    for (int i = 0; d != nullptr && i < d->relation_count; ++i) {
        const RelationDependencies* r = dependencies_of(d->relations[i]);
        for (int k = 0; r != nullptr && k < r->count; ++k) {
            const Dependency& dep = r->dependencies[k];
            if (dep.kind != DependencyKind::kPath || dep.declared != r->relation) continue;
            for (core::Tag tag : {movers_tag(dep.path), children_tag(dep.path)}) {
                store().register_writer({tag, core::TagKind::kPart, false, core::kNoCache, true},
                                        xid, core::Ended{});
            }
        }
    }
    return d != nullptr;
}

void resolve_paths() {
    ListCell* cell;
    // Making a control block announces who was prepared before the server started.
    foreach (cell, paths) attach_control_block(static_cast<Path*>(lfirst(cell))->cache_id);
    foreach (cell, paths) {
        const auto* p = static_cast<Path*>(lfirst(cell));
        if (p->moved_at == 0) continue;
        announce(movers_tag(p->id));
        catch_children(*p, copy_to_core(GetLatestSnapshot()));
    }
    foreach (cell, paths) {
        auto* p = static_cast<Path*>(lfirst(cell));
        if (p->count == 0 || p->widened_at != 0) continue;
        // What a lookup reads would be read by this transaction, for the conflicts that let
        // SERIALIZABLE ones fail.
        if (IsolationIsSerializable()) {
            collect_whole(p->cache_id, false);
        } else {
            resolve_rows(p);
        }
    }
}

void forget_paths() {
    if (context != nullptr) MemoryContextDelete(context);
    context = nullptr;
    paths = NIL;
}

void subtransaction_ended_for_paths(int level, bool committed) {
    ListCell* cell;
    foreach (cell, paths) {
        auto* p = static_cast<Path*>(lfirst(cell));
        if (p->moved_at >= level) p->moved_at = committed ? level - 1 : 0;
        for (int i = p->count - 1; i >= 0 && p->rows[i].level >= level; --i) {
            if (committed) {
                p->rows[i].level = level - 1;
            } else {
                --p->count;
            }
        }
        if (p->widened_at >= level) p->widened_at = committed ? level - 1 : 0;
    }
}

}  // namespace cache_ext::pg
