// Which entry goes first: S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction",
// SOSP 2023) with promotion after one hit, per budget.
//
// New entries enter a small queue. What leaves it without having been read is evicted and
// remembered as a fingerprint (a ghost); what was read moves to the main queue, and so does a
// newcomer whose ghost is remembered. The main queue gives a second chance per counted hit. A hit
// only raises a two-bit counter in the entry. Budgets of fewer than 64 entries skip the small
// queue, which leaves CLOCK with two bits.
//
// Where cost is on, a queue by cost (cost_queue.hpp) takes the place of the main queue. It can be
// switched at any time: what the queue that is off still holds goes first.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/arena.hpp"
#include "core/cost_queue.hpp"
#include "core/entry.hpp"
#include "core/entry_list.hpp"
#include "core/ghosts.hpp"

namespace cache_ext::core {

// What the main queue goes by.
enum class Eviction : std::uint8_t {
    kLru,  // use: a round more for every counted hit
    kCost  // use, and what the entry's load took for the memory it holds
};

// How a budget evicts, for one call.
struct EvictionRules {
    Eviction by = Eviction::kLru;
    std::uint64_t max_entries = 0;  // of the budget, 0: not limited
    bool by_bytes = true;           // it is bytes that are scarce, not entries
};

// Locking: the budget lock, for everything but touch().
struct EvictionQueue {
    EntryQueue<Queue::kSmall> small;
    EntryQueue<Queue::kMain> main;
    CostQueue by_cost;
    GhostTable ghosts;

    std::uint64_t entries() const { return small.count + main.count + by_cost.wheel.count; }

    void insert(const Arena& arena, Ref ref, const EvictionRules& rules);
    void remove(const Arena& arena, Ref ref);
    // Gives the place of `old`, which is in a queue, to `fresh`, which is in none.
    void replace(const Arena& arena, Ref old, Ref fresh);

    // Takes the next victim out of its queue and remembers it; kNullRef when there is none. Bounded
    // work, whatever readers do to the counters meanwhile.
    Ref pop_victim(const Arena& arena, const EvictionRules& rules);

    // A hit; no lock beyond what keeps the entry alive.
    static void touch(Entry* entry) {
        const std::uint8_t f = load_relaxed(entry->frequency);
        if (f < kMaxFrequency) store_relaxed(entry->frequency, f + 1);
    }

  private:
    bool small_goes_first(const EvictionRules& rules) const;
    void push_main(const Arena& arena, Ref ref, const EvictionRules& rules, std::uint32_t uses);
    Ref pop_main(const Arena& arena, const EvictionRules& rules);
};
static_assert(std::is_trivially_copyable_v<EvictionQueue>);

}  // namespace cache_ext::core
