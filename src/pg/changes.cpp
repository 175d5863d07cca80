#include "pg/changes.hpp"

#include "pg/environment.hpp"
#include "pg/flights.hpp"
#include "pg/guarded.hpp"
#include "pg/loading_state.hpp"
#include "pg/memory.hpp"
#include "pg/own_ddl.hpp"
#include "pg/paths.hpp"
#include "pg/puts.hpp"
#include "pg/reclaim.hpp"
#include "pg/reloads.hpp"
#include "pg/row_counts.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/survivors.hpp"

extern "C" {
#include "pgstat.h"
#include "postmaster/autovacuum.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/pgstat_internal.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

struct Change {
    core::Tag tag;
    uint64 cache;
    core::TagKind kind;
    bool hard;
    int level;  // of the outermost subtransaction that holds it
};

struct ChangeSlot {
    core::Tag tag;
    int index;
};

// How many keys of a cache have been collected.
struct KeyCount {
    uint64 cache;
    int count;
};

// An Oid or cache id with the subtransaction that noted it.
struct Noted {
    uint64 id;
    int level;
};

// Of the transaction at hand; everything lies in its top memory context.
struct Transaction {
    MemoryContext context;  // nullptr: nothing collected yet
    Change* changes;
    int count;
    int capacity;
    HTAB* by_tag;      // ChangeSlot
    HTAB* key_counts;  // KeyCount
    List* collected;   // Noted*: relations
    List* released;    // Noted*: caches
    bool committing;
    bool preparing;
};

Transaction now = {};

void prepare() {
    if (now.context != nullptr) return;
    // Known only once it is complete: a savepoint may live on after an error in here.
    MemoryContext context =
        AllocSetContextCreate(TopTransactionContext, "cache_ext changes", ALLOCSET_SMALL_SIZES);
    const int capacity = 64;
    auto* changes =
        static_cast<Change*>(MemoryContextAllocZero(context, sizeof(Change) * capacity));
    HASHCTL info = {};
    info.keysize = sizeof(core::Tag);
    info.entrysize = sizeof(ChangeSlot);
    info.hcxt = context;
    HTAB* by_tag =
        hash_create("cache_ext changes", 256, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    info.keysize = sizeof(uint64);
    info.entrysize = sizeof(KeyCount);
    now.key_counts =
        hash_create("cache_ext key counts", 16, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    now.by_tag = by_tag;
    now.changes = changes;
    now.capacity = capacity;
    now.context = context;
}

CacheId cache_id(uint64 id) {
    return {MyDatabaseId, id};
}

// Finds or makes the control block by id alone: at commit the definition may be gone already.
core::CacheIndex control_block_of(uint64 id) {
    const Definition* d = definitions_loaded() ? find_definition_by_id(id) : nullptr;
    return d != nullptr ? control_block(d) : attach_control_block(id);
}

core::Xid own_xid() {
    return U64FromFullTransactionId(GetTopFullTransactionId());
}

// Registers one tag of transaction `xid`. `now_snapshot` is newer than the beginning of the
// registration: whatever it does not show as running has ended before. Returns what
// Store::register_writer returns.
bool register_tag(const core::WrittenTag& written, core::Xid xid,
                  const core::Snapshot& now_snapshot) {
    core::Xid running[core::Store::kMaxRunning];
    core::Xid ended[core::Store::kMaxRunning];
    core::Ended knowledge;
    // Zero for hard writers: nobody has ended by age alone, see below.
    knowledge.oldest_running = written.hard ? 0 : std::min(now_snapshot.xmin, xid);
    const uint32 n = store().possibly_running(written, running);
    for (uint32 i = 0; i < n; ++i) {
        // Our own XID is missing from our own snapshots' lists, and runs.
        if (running[i] == xid || running[i] == own_xid() || now_snapshot.in_progress(running[i])) {
            continue;
        }
        // A hard writer is forgotten by the next one, but not before its messages are out: it holds
        // its lock until then, and whoever fills asks those on record (fill.cpp).
        if (written.hard && running[i] + kLongAgo > now_snapshot.xmax &&
            !ConditionalXactLockTableWait(static_cast<TransactionId>(running[i]))) {
            continue;
        }
        ended[knowledge.count++] = running[i];
    }
    knowledge.xids = ended;
    return store().register_writer(written, xid, knowledge);
}

void register_change(const Change& change, const core::Snapshot& now_snapshot) {
    const core::CacheIndex index = control_block_of(change.cache);
    core::WrittenTag written = {change.tag, change.kind, change.hard, index};
    // A cache without a control block has no entries; its keys' rings remember the writer all the
    // same, and a control block that is made later distrusts what came before (attach).
    if (change.kind == core::TagKind::kWhole && index == core::kNoCache) return;
    const bool spurious = register_tag(written, own_xid(), now_snapshot);
    if (index == core::kNoCache || !settings.track) return;
    core::Counters& counters = store().control(index)->counters;
    counters.add(stripe(), core::Counter::kInvalidations);
    if (spurious) counters.add(stripe(), core::Counter::kSpurious);
}

// What this transaction has put before it changed what the value depends on.
void drop_outdated_puts(core::Tag tag, uint64 cache, core::TagKind kind) {
    if (kind == core::TagKind::kWhole) {
        drop_pending_puts(cache, nullptr);
    } else {
        drop_pending_puts_tagged(cache, tag);
    }
}

void add_change(core::Tag tag, uint64 cache, core::TagKind kind, bool hard) {
    drop_outdated_puts(tag, cache, kind);
    if (now.committing) {
        Change change = {tag, cache, kind, hard, 1};
        if (hard && now.preparing) mark_hard_survivor(MyDatabaseId, cache);
        register_change(change, to_core(GetLatestSnapshot()));
        return;
    }
    prepare();
    // Room first: a place that an error leaves empty must not be on the index.
    if (now.count == now.capacity) {
        now.changes = static_cast<Change*>(
            repalloc_huge(now.changes, sizeof(Change) * 2 * static_cast<size_t>(now.capacity)));
        now.capacity *= 2;
    }
    bool found;
    auto* slot = static_cast<ChangeSlot*>(hash_search(now.by_tag, &tag, HASH_ENTER, &found));
    if (found) {
        now.changes[slot->index].hard |= hard;
        return;
    }
    slot->index = now.count;
    now.changes[now.count++] = {tag, cache, kind, hard, GetCurrentTransactionNestLevel()};
}

bool collected_tag(core::Tag tag) {
    return now.count > 0 && hash_search(now.by_tag, &tag, HASH_FIND, nullptr) != nullptr;
}

bool noted(const List* list, uint64 id) {
    ListCell* cell;
    foreach (cell, const_cast<List*>(list)) {
        if (static_cast<Noted*>(lfirst(cell))->id == id) return true;
    }
    return false;
}

List* note(List* list, uint64 id) {
    if (noted(list, id)) return list;
    prepare();
    MemoryContext old = MemoryContextSwitchTo(now.context);
    auto* n = make<Noted>();
    *n = {id, GetCurrentTransactionNestLevel()};
    list = lappend(list, n);
    MemoryContextSwitchTo(old);
    return list;
}

// What is rolled back leaves room for other keys.
void uncount_key(const Change& change) {
    if (change.kind == core::TagKind::kWhole) return;
    auto* counted =
        static_cast<KeyCount*>(hash_search(now.key_counts, &change.cache, HASH_FIND, nullptr));
    if (counted != nullptr && counted->count > 0) --counted->count;
}

List* subtransaction_ended(List* list, int level, bool committed) {
    ListCell* cell;
    foreach (cell, list) {
        auto* n = static_cast<Noted*>(lfirst(cell));
        if (n->level < level) continue;
        if (committed) {
            n->level = level - 1;
        } else {
            list = foreach_delete_current(list, cell);
        }
    }
    return list;
}

// A table that a cache depends on has changed rows, and no trigger of ours has seen them: it was
// disabled, or the change went past triggers. PostgreSQL's list of the tables that this transaction
// changed is short, whatever the number of partitions.
void collect_unseen_changes() {
    for (const PgStat_TableXactStatus* t =
             pgstat_get_xact_stack_level(GetCurrentTransactionNestLevel())->first;
         t != nullptr; t = t->next) {
        const Oid relation = t->parent->t_id;
        const RelationDependencies* r = dependencies_of(relation);
        if (r == nullptr || !has_changed_rows(relation)) continue;
        if (t->truncdropped) {
            // By replication, for example, which fires no trigger of a partition's parent.
            collect_hard_relation(relation);
        }
        if (noted(now.collected, relation)) continue;
        for (int k = 0; k < r->count; ++k) {
            const Dependency& dep = r->dependencies[k];
            collect_whole(dep.definition->id, false);
            if (dep.kind == DependencyKind::kLookup) collect_path_move(dep);
            const core::CacheIndex index = control_block_of(dep.definition->id);
            if (index != core::kNoCache && !r->has_no_triggers) {
                store().control(index)->counters.add(stripe(), core::Counter::kUntriggered);
            }
        }
    }
}

void load_definitions(void*) {
    load_definitions_without_waiting();
}

// Over a restart nothing but locks tells of which caches a prepared transaction is a hard writer.
void mark_hard_changes() {
    constexpr int kMaxMarks = 16;
    const auto hard = [](const Change& change) { return change.hard; };
    if (std::count_if(now.changes, now.changes + now.count, hard) > kMaxMarks) {
        mark_hard_survivor(MyDatabaseId, 0);
        return;
    }
    for (int i = 0; i < now.count; ++i) {
        if (now.changes[i].hard) mark_hard_survivor(MyDatabaseId, now.changes[i].cache);
    }
}

// Every cache that has a control block; those that have none yet will distrust what was before.
void register_whole_database(const core::Snapshot& snapshot) {
    for (core::CacheIndex i = 0; i < store().max_caches(); ++i) {
        const core::CacheControl* c = store().control(i);
        if (c->database != MyDatabaseId || core::load_relaxed(c->id) == 0) continue;
        register_tag({c->whole_tag, core::TagKind::kWhole, true, i}, own_xid(), snapshot);
    }
    store().note_exhausted();
    if (now.preparing) mark_hard_survivor(MyDatabaseId, 0);
}

bool changed_cache(uint64 id) {
    return std::any_of(now.changes, now.changes + now.count,
                       [&](const Change& change) { return change.cache == id; }) ||
           ddl_concerns_here(id);
}

void register_all() {
    // Autovacuum changes no row that a query could see.
    if (!TransactionIdIsValid(GetTopTransactionIdIfAny()) || RecoveryInProgress() ||
        IsAutoVacuumWorkerProcess()) {
        return;
    }
    const bool sure =
        definitions_loaded() || guarded(load_definitions, nullptr,
                                        "definitions cannot be read, all caches are invalidated");
    hold_definitions(true);
    collect_ddl(sure);
    if (sure && dependency_relation_count() > 0) collect_unseen_changes();
    resolve_paths();
    if (sure && now.count == 0 && !ddl_to_register()) return;
    const core::Snapshot snapshot = copy_to_core(GetLatestSnapshot());
    if (now.preparing) mark_hard_changes();
    register_ddl(snapshot, now.preparing);
    for (int i = 0; i < now.count; ++i) register_change(now.changes[i], snapshot);
    if (sure) {
        collect_reloads(changed_cache);
    } else {
        register_whole_database(snapshot);
    }
}

void forget_everything() {
    if (now.context != nullptr) MemoryContextDelete(now.context);
    now = Transaction{};
    hold_definitions(false);
    transaction_ended_for_flights();
    forget_reloads();
    forget_paths();
    forget_ddl();
    transaction_ended_for_definitions();
    free_retired_definitions();
}

void plan_release(uint64 id) {
    const core::CacheIndex index = store().find(MyDatabaseId, id);
    if (index != core::kNoCache) release_after_commit(index, id);
}

void plan_releases() {
    ListCell* cell;
    foreach (cell, now.released) plan_release(static_cast<Noted*>(lfirst(cell))->id);
}

void transaction_event(XactEvent event, void*) {
    switch (event) {
        case XACT_EVENT_PRE_PREPARE:
            note_survivors();
            collect_pending_puts();
            now.preparing = true;
            if (shared_ready()) {
                register_all();
                plan_releases();
            }
            // Also where there was nothing to register: what comes from now on is registered at
            // once.
            now.committing = shared_ready();
            break;
        case XACT_EVENT_PRE_COMMIT:
            note_survivors();
            if (shared_ready()) {
                register_all();
                plan_releases();
            }
            // Also where there was nothing to register: what comes from now on is registered at
            // once.
            now.committing = shared_ready();
            break;
        case XACT_EVENT_COMMIT:
            leave_aborted_runs(0);
            if (shared_ready()) {
                publish_pending_puts(U64FromFullTransactionId(GetTopFullTransactionIdIfAny()));
                ask_for_reloads();
            }
            discard_pending_puts();
            forget_everything();
            break;
        case XACT_EVENT_ABORT:
        case XACT_EVENT_PREPARE:
        case XACT_EVENT_PARALLEL_COMMIT:
        case XACT_EVENT_PARALLEL_ABORT:
            leave_aborted_runs(0);
            transaction_aborted_for_definitions();
            discard_pending_puts();
            forget_everything();
            break;
        default:
            break;
    }
}

void subtransaction_event(SubXactEvent event, SubTransactionId, SubTransactionId, void*) {
    const int level = GetCurrentTransactionNestLevel();
    if (event == SUBXACT_EVENT_START_SUB) subtransaction_started_for_definitions(level);
    if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB) return;
    const bool committed = event == SUBXACT_EVENT_COMMIT_SUB;
    subtransaction_ended_for_puts(level, committed);
    subtransaction_ended_for_paths(level, committed);
    if (!committed) {
        leave_aborted_runs(level);
        transaction_aborted_for_definitions();
        subtransaction_aborted_for_definitions(level);
        subtransaction_aborted_for_ddl();
        subtransaction_aborted_for_flights(level);
    }
    if (now.context == nullptr) return;
    // Newer changes come later in the array, and a change never moves outwards past an older one.
    if (committed) {
        for (int i = now.count - 1; i >= 0 && now.changes[i].level >= level; --i) {
            now.changes[i].level = level - 1;
        }
    } else {
        while (now.count > 0 && now.changes[now.count - 1].level >= level) {
            const Change& change = now.changes[--now.count];
            hash_search(now.by_tag, &change.tag, HASH_REMOVE, nullptr);
            uncount_key(change);
        }
    }
    now.collected = subtransaction_ended(now.collected, level, committed);
    now.released = subtransaction_ended(now.released, level, committed);
}

}  // namespace

void install_transaction_callbacks() {
    RegisterXactCallback(transaction_event, nullptr);
    RegisterSubXactCallback(subtransaction_event, nullptr);
}

void collect_change(const Definition* d, ColumnMask mask, const uint64* column_hash) {
    if (mask == 0) {
        collect_whole(d->id, false);
        return;
    }
    const bool key = d->full_mask(mask);
    const core::Tag tag = key ? key_tag(d->cache_id(), d->columns, column_hash)
                              : part_tag(d->cache_id(), mask, column_hash);
    if (now.count > 0 && collected_tag(tag)) {
        drop_outdated_puts(tag, d->id, core::TagKind::kKey);
        return;
    }
    prepare();
    bool found;
    auto* counted = static_cast<KeyCount*>(hash_search(now.key_counts, &d->id, HASH_ENTER, &found));
    if (!found) counted->count = 0;
    if (counted->count >= settings.max_transaction_tags) {
        collect_whole(d->id, false);
        return;
    }
    ++counted->count;
    add_change(tag, d->id, key ? core::TagKind::kKey : core::TagKind::kPart, false);
}

void collect_key(uint64 id, core::Tag key) {
    add_change(key, id, core::TagKind::kKey, false);
}

void collect_whole(uint64 id, bool hard) {
    GetTopTransactionId();
    add_change(whole_tag(cache_id(id)), id, core::TagKind::kWhole, hard);
}

void collect_hard_relation(Oid relation) {
    const RelationDependencies* r = dependencies_of(relation);
    for (int i = 0; r != nullptr && i < r->count; ++i) {
        const Dependency& dep = r->dependencies[i];
        collect_whole(dep.definition->id, true);
        if (dep.kind == DependencyKind::kLookup) collect_path_move(dep);
    }
}

bool changed_by_this_transaction(const Definition* d, const Key& key) {
    if (!pgstat_track_counts) return true;
    if (now.count > 0) {
        if (collected_tag(key.view.hash) || collected_tag(whole_tag(d->cache_id()))) return true;
        for (int i = 0; i < d->mask_count; ++i) {
            if (collected_tag(part_tag(d->cache_id(), d->masks[i], key.column_hash))) return true;
        }
    }
    for (int i = 0; i < d->relation_count; ++i) {
        if (has_changed_rows(d->relations[i])) return true;
    }
    return own_ddl_concerns(d);
}

const char* what_was_changed(const Definition* d, const Key& key) {
    if (!pgstat_track_counts) return "unknown, track_counts is off";
    if (now.count > 0 && collected_tag(whole_tag(d->cache_id()))) return "the whole cache";
    if (now.count > 0 && collected_tag(key.view.hash)) return "the key";
    for (int i = 0; i < d->relation_count; ++i) {
        if (!has_changed_rows(d->relations[i])) continue;
        const char* name = get_rel_name(d->relations[i]);
        return name != nullptr ? psprintf("table %s", quote_identifier(name)) : "a table";
    }
    if (own_ddl_concerns(d)) return "definitions in the catalogs";
    return "what its loader reads through other caches, or a part of the key";
}

bool changed_something_cached() {
    if (!pgstat_track_counts || now.count > 0) return true;
    const PgStat_SubXactStatus* level =
        pgstat_get_xact_stack_level(GetCurrentTransactionNestLevel());
    for (; level != nullptr; level = level->prev) {
        for (const PgStat_TableXactStatus* t = level->first; t != nullptr; t = t->next) {
            const Oid relation = t->parent->t_id;
            if (dependencies_of(relation) != nullptr && has_changed_rows(relation)) return true;
        }
    }
    return own_ddl_concerns_anything();
}

bool committing() {
    return now.committing;
}

void note_collected(Oid relation) {
    if (!now.committing) now.collected = note(now.collected, relation);
}

void release_at_commit(uint64 id) {
    if (now.committing) {
        plan_release(id);
    } else {
        now.released = note(now.released, id);
    }
}

void release_database_at_commit() {
    for (core::CacheIndex i = 0; i < store().max_caches(); ++i) {
        const core::CacheControl* c = store().control(i);
        const uint64 id = core::load_acquire(c->id);
        if (id == 0 || core::load_relaxed(c->database) != MyDatabaseId) continue;
        collect_whole(id, true);
        release_at_commit(id);
    }
}

void register_now(const core::WrittenTag& written, core::Xid xid) {
    register_tag(written, xid, to_core(GetLatestSnapshot()));
}

void register_with(const core::WrittenTag& written, core::Xid xid, const core::Snapshot& snapshot) {
    register_tag(written, xid, snapshot);
}

}  // namespace cache_ext::pg
