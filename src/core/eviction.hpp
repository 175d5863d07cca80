// Which entry goes first: S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction",
// SOSP 2023) with promotion after one hit, per budget.
//
// New entries enter a small queue. What leaves it without having been read is evicted and
// remembered as a fingerprint (a ghost); what was read moves to the main queue, and so does a
// newcomer whose ghost is remembered. The main queue gives a second chance per counted hit. A hit
// only raises a two-bit counter in the entry. Budgets of fewer than 64 entries skip the small
// queue, which leaves CLOCK with two bits.
//
// By cost, the main queue is GreedyDual-Size-Frequency (Cherkasova, HP Labs 1998): an entry is due
// uses * load time / bytes after the last victim, uses counted since it was last considered. What
// leaves the small queue unread goes to the main one all the same, with half the credit, if it is
// worth more than twice the usual.
#pragma once

#include <cstdint>

#include "core/arena.hpp"
#include "core/cost_wheel.hpp"
#include "core/entry.hpp"

namespace cache_ext::core {

// Remembers what was evicted, in about as many slots as entries were alive. Slots form sets of
// kGhostSet, first in first out: with one slot per hash, ghosts that fell on the same slot cost
// 0.1 to 0.5 % more misses on the traces that test/bench/replay was tried on. Lives in the arena;
// without memory for it there are no ghosts.
struct GhostTable {
    Ref slots;                 // the label, then std::uint32_t[slot_count], 0 is empty
    std::uint32_t slot_count;  // a power of two, or 0; atomic

    static std::size_t bytes_for(std::uint32_t slot_count) {
        return sizeof(Tag) + slot_count * sizeof(std::uint32_t);
    }
    static std::uint32_t* begin(const Arena& arena, Ref slots) {
        return reinterpret_cast<std::uint32_t*>(arena.at<Tag>(slots) + 1);
    }
};
inline constexpr std::uint32_t kGhostSet = 4;

struct EntryList {
    Ref newest;
    Ref oldest;
    std::uint64_t count;
};

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
    EntryList small;
    CostWheel main;
    GhostTable ghosts;
    std::int32_t usual_worth;  // mean of log2(worth) * 256 over recent entries

    std::uint64_t entries() const { return small.count + main.count; }

    void insert(const Arena& arena, Ref ref, const EvictionRules& rules);
    void remove(const Arena& arena, Ref ref);
    // Gives the place of `old`, which is in a queue, to `fresh`, which is in none.
    void replace(const Arena& arena, Ref old, Ref fresh);

    // Takes the next victim out of its queue and remembers it; kNullRef when there is none. Bounded
    // work, whatever readers do to the counters meanwhile.
    Ref pop_victim(const Arena& arena, const EvictionRules& rules);

    // Remembers an entry that went for another reason than being the victim.
    void remember(const Arena& arena, Tag hash);

    // Moves the ghosts to a table of `slot_count` (a power of two, at least kGhostSet) that the
    // caller allocated, and returns the old one for freeing.
    GhostTable replace_ghosts(const Arena& arena, GhostTable table);
    // Forgets the ghosts and returns their table for freeing, if there is one.
    GhostTable take_ghosts();

    // A hit; no lock beyond what keeps the entry alive.
    static void touch(Entry* entry) {
        const std::uint8_t f = load_relaxed(entry->frequency);
        if (f < kMaxFrequency) store_relaxed(entry->frequency, f + 1);
    }

  private:
    void push_small(const Arena& arena, Ref ref);
    void push_main(const Arena& arena, Ref ref, const EvictionRules& rules, std::uint32_t uses);
    void unlink_small(const Arena& arena, Ref ref);
    bool costly(const Arena& arena, Ref ref, const EvictionRules& rules) const;
    std::uint64_t credit(const Arena& arena, Ref ref, const EvictionRules& rules) const;
    std::uint32_t* ghost_set(const Arena& arena, Tag hash) const;
    bool remembered(const Arena& arena, Tag hash);
};
static_assert(std::is_trivially_copyable_v<EvictionQueue>);

}  // namespace cache_ext::core
