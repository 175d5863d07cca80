// Which entry goes first: S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction",
// SOSP 2023) with promotion after one hit, per budget.
//
// New entries enter a small queue. What leaves it without having been read is evicted and
// remembered as a fingerprint (a ghost); what was read moves to the main queue, and so does a
// newcomer whose ghost is remembered. The main queue gives a second chance per counted hit. A hit
// only raises a two-bit counter in the entry. Budgets of fewer than 64 entries skip the small
// queue, which leaves CLOCK with two bits.
#pragma once

#include <cstdint>

#include "core/arena.hpp"
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

// Locking: the budget lock, for everything but touch().
struct EvictionQueue {
    EntryList small;
    EntryList main;
    GhostTable ghosts;

    std::uint64_t entries() const { return small.count + main.count; }

    // expected: how many entries the budget allows, 0 if only bytes are bounded.
    void insert(const Arena& arena, Ref ref, std::uint64_t expected);
    void remove(const Arena& arena, Ref ref);
    // Gives the place of `old`, which is in a queue, to `fresh`, which is in none.
    void replace(const Arena& arena, Ref old, Ref fresh);

    // Takes the next victim out of its queue and remembers it; kNullRef when there is none. Bounded
    // work, whatever readers do to the counters meanwhile.
    Ref pop_victim(const Arena& arena);

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
    void push(const Arena& arena, EntryList* list, Ref ref, Queue queue);
    void unlink(const Arena& arena, EntryList* list, Ref ref);
    std::uint32_t* ghost_set(const Arena& arena, Tag hash) const;
    bool remembered(const Arena& arena, Tag hash);
};
static_assert(std::is_trivially_copyable_v<EvictionQueue>);
static_assert(sizeof(EvictionQueue) == 40);

}  // namespace cache_ext::core
