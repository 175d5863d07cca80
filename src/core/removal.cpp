#include "core/removal.hpp"

#include <algorithm>

#include "core/budgets.hpp"
#include "core/hazards.hpp"

namespace cache_ext::core {
namespace {

// For whom an old value is kept that nobody is served as one.
constexpr Millis kKeepOldMs = 60000;

bool reads_whole(const Entry& e, CacheIndex cache) {
    return std::any_of(e.tags(), e.tags() + e.tag_count,
                       [&](const TagRef& t) { return t.node == kNullRef && t.cache == cache; });
}

std::uint64_t bury_entries(const Block& block, CacheIndex cache, std::uint32_t partition) {
    std::uint64_t n = 0;
    // A cache that goes takes along what hangs in its queue and what follows its ring.
    const bool going = load_relaxed(block.control(cache)->id) == 0;
    const PartitionWriter guard(block, partition);
    for_each_entry(block, partition, [&](Ref ref) {
        const Entry* e = block.entry(ref);
        if (e->cache != cache && !(going && (e->budget == cache || reads_whole(*e, cache)))) return;
        if (!e->is_opened()) ++n;
        unlink_entry(block, ref);
        bury_entry(block, ref);  // gone as soon as its budget's holder looks
    });
    return n;
}

}  // namespace

bool remove_entry(const Block& block, CacheIndex cache, const KeyView& key) {
    CacheIndex budget;
    {
        const PartitionWriter guard(block, partition_of(key.hash));
        const Ref ref = find_entry(block, cache, key);
        if (ref == kNullRef) return false;
        budget = block.entry(ref)->budget;
        unlink_entry(block, ref);
        bury_entry(block, ref);
    }
    const BudgetHolder guard(block, budget);
    collect_dead(block, budget);
    return true;
}

std::uint64_t remove_partition(const Block& block, CacheIndex cache, std::uint32_t partition) {
    const std::uint64_t n = bury_entries(block, cache, partition);
    if (n == 0) return 0;
    collect_all_dead(block);
    reap(block);
    return n;
}

std::uint64_t remove_all(const Block& block, CacheIndex cache) {
    std::uint64_t n = 0;
    for (std::uint32_t p = 0; p < kPartitions; ++p) n += bury_entries(block, cache, p);
    if (n > 0) collect_all_dead(block);
    reap(block);
    return n;
}

std::uint32_t sweep(const Block& block, std::uint32_t partition, std::uint32_t* cursor,
                    std::uint32_t max_entries) {
    std::uint32_t visited = 0, freed = 0;
    const Millis now = block.clock.now();
    {
        const PartitionWriter guard(block, partition);
        const Ref* buckets = block.buckets_of(partition);
        // Empty buckets take time as well; 16 of them are a line of memory, like an entry at least.
        const std::uint32_t first = *cursor;
        while (*cursor < block.buckets_per_partition &&
               visited + (*cursor - first) / 16 < max_entries) {
            for (Ref ref = buckets[(*cursor)++]; ref != kNullRef; ++visited) {
                const Entry* e = block.entry(ref);
                const Ref next = e->next;
                CacheControl& c = block.caches[e->cache];
                const Millis stale_for = load_relaxed(c.stale_for);
                // Nobody but one long transaction could still be served it.
                const bool of_no_use =
                    e->is_old() && e->has_origin() && !load_relaxed(c.reloads) &&
                    e->origin()->old_since <= now - std::max(stale_for, kKeepOldMs);
                if (of_no_use || e->expired(now - stale_for)) {
                    if (!e->is_opened()) c.counters.add(partition, Counter::kExpirations);
                    unlink_entry(block, ref);
                    bury_entry(block, ref);
                    ++freed;
                }
                ref = next;
            }
        }
        if (*cursor >= block.buckets_per_partition) *cursor = 0;
    }
    if (freed > 0) collect_all_dead(block);
    reap(block);
    return freed;
}

}  // namespace cache_ext::core
