#include "core/budgets.hpp"

#include "core/hazards.hpp"
#include "core/index.hpp"
#include "core/nodes.hpp"

namespace cache_ext::core {
namespace {

// Is there an entry of that hash in that place? Partition lock.
bool is_linked(const Block& block, Ref ref, Tag hash) {
    Ref known = *block.bucket(hash);
    while (known != kNullRef && known != ref) known = block.entry(known)->next;
    return known != kNullRef;
}

}  // namespace

EvictionRules rules_of(const Block& block, const CacheControl& budget) {
    const std::uint64_t max_entries = load_relaxed(budget.max_entries);
    return {block.eviction, max_entries, max_entries == 0 || load_relaxed(budget.max_bytes) != 0};
}

bool has_room(const CacheControl& budget, std::uint64_t bytes, std::uint64_t freed,
              std::uint64_t more) {
    const std::uint64_t max_entries = load_relaxed(budget.max_entries);
    const std::uint64_t max_bytes = load_relaxed(budget.max_bytes);
    return (max_entries == 0 || budget.used_entries - budget.open_entries + more <= max_entries) &&
           (max_bytes == 0 || budget.used_bytes - freed + bytes <= max_bytes);
}

void count_entry(const Block& block, Ref ref) {
    CacheControl& b = block.caches[block.entry(ref)->budget];
    store_relaxed(b.used_entries, b.used_entries + 1);
    if (block.entry(ref)->is_opened()) store_relaxed(b.open_entries, b.open_entries + 1);
    store_relaxed(b.used_bytes, b.used_bytes + block.arena.gross_bytes(ref));
}

void forget_entry(const Block& block, Ref ref) {
    const Entry* e = block.entry(ref);
    CacheControl& b = block.caches[e->budget];
    store_relaxed(b.used_entries, b.used_entries - 1);
    if (e->is_opened()) store_relaxed(b.open_entries, b.open_entries - 1);
    store_relaxed(b.used_bytes, b.used_bytes - block.arena.gross_bytes(ref));
    unpin(block, e->tags(), e->tag_count);
}

void collect_dead(const Block& block, CacheIndex budget) {
    CacheControl& b = block.caches[budget];
    const Ref chain = __atomic_exchange_n(&b.dead, kNullRef, __ATOMIC_ACQ_REL);
    if (chain == kNullRef) return;
    for (Ref ref = chain; ref != kNullRef; ref = block.entry(ref)->next) {
        b.queue.remove(block.arena, ref);
        forget_entry(block, ref);
    }
    retire_entries(block, chain);
}

bool evict_locked(const Block& block, CacheIndex budget, Ref* kept) {
    CacheControl& b = block.caches[budget];
    const Ref ref = b.queue.pop_victim(block.arena, rules_of(block, b));
    if (ref == kNullRef) return false;
    const Entry* e = block.entry(ref);
    bool mine;
    {
        const PartitionWriter guard(block, partition_of(e->hash));
        mine = unlink_entry(block, ref);
    }
    if (!mine) {
        collect_dead(block, budget);  // somebody has unlinked it just now, and buries it
        return true;
    }
    if (!e->is_opened()) block.caches[e->cache].counters.add(e->cache, Counter::kEvictions);
    forget_entry(block, ref);
    if (kept != nullptr) {
        *kept = ref;
    } else {
        retire_entries(block, ref);
    }
    return true;
}

bool evict_one(const Block& block, CacheIndex budget) {
    const BudgetHolder guard(block, budget);
    const std::uint64_t before = block.caches[budget].used_bytes;
    collect_dead(block, budget);
    if (block.caches[budget].used_bytes < before) return true;
    return evict_locked(block, budget);
}

bool evict_anywhere(const Block& block, Victims victims) {
    for (CacheIndex i = 0; i < block.header->max_caches; ++i) {
        if (victims == Victims::kUnpinned && is_pinned(block, i)) continue;
        if (load_relaxed(block.caches[i].used_entries) > 0 && evict_one(block, i)) return true;
    }
    return false;
}

bool is_pinned_at(const Block& block, Ref ref, Tag hash) {
    const PartitionReader guard(block, partition_of(hash));
    return is_linked(block, ref, hash) && is_pinned(block, block.entry(ref)->budget);
}

bool evict_at(const Block& block, Ref ref, Tag hash, Victims victims) {
    CacheIndex budget;
    {
        const PartitionWriter guard(block, partition_of(hash));
        if (!is_linked(block, ref, hash)) return false;
        const Entry* e = block.entry(ref);
        budget = e->budget;
        if (victims == Victims::kUnpinned && is_pinned(block, budget)) return false;
        if (!e->is_opened()) block.caches[e->cache].counters.add(e->cache, Counter::kEvictions);
        unlink_entry(block, ref);
        bury_entry(block, ref);
    }
    const BudgetHolder guard(block, budget);
    block.caches[budget].queue.ghosts.remember(block.arena, hash);
    collect_dead(block, budget);
    return true;
}

Weights weigh(const Block& block) {
    Weights w;
    std::uint64_t most = 0, most_pinned = 0;
    for (CacheIndex i = 0; i < block.header->max_caches; ++i) {
        const std::uint64_t bytes = load_relaxed(block.caches[i].used_bytes);
        const bool pinned = is_pinned(block, i);
        if (pinned) w.pinned_bytes += bytes;
        if (bytes <= (pinned ? most_pinned : most)) continue;
        (pinned ? most_pinned : most) = bytes;
        (pinned ? w.heaviest_pinned : w.heaviest) = i;
    }
    return w;
}

void collect_all_dead(const Block& block) {
    for (CacheIndex i = 0; i < block.header->max_caches; ++i) {
        if (load_acquire(block.caches[i].dead) == kNullRef) continue;
        const BudgetHolder guard(block, i);
        collect_dead(block, i);
    }
}

bool drop_ghosts(const Block& block) {
    bool dropped = false;
    for (CacheIndex i = 0; i < block.header->max_caches; ++i) {
        GhostTable ghosts;
        {
            const BudgetHolder guard(block, i);
            ghosts = block.caches[i].queue.ghosts.take();
        }
        if (ghosts.slot_count == 0) continue;
        release_memory(block, ghosts.slots);
        dropped = true;
    }
    return dropped;
}

}  // namespace cache_ext::core
