// Budgets: what a cache, or several, may hold, and who goes when that is too much.
//
// A budget bounds entries and gross bytes; its queue (eviction.hpp) and totals are in the control
// block of the cache that it belongs to, under the budget lock.
//
// A budget can be pinned: what is short of memory takes it from others first, and what is not of a
// pinned budget does so always. Its own limits hold as ever, and so does the order within it. Only
// what pinned budgets have together beyond Block::max_pinned is the first to go; where that is 0,
// none is pinned.
#pragma once

#include <cstdint>

#include "core/block.hpp"

namespace cache_ext::core {

// How the budget evicts, for one call on its queue.
EvictionRules rules_of(const Block& block, const CacheControl& budget);
// Would the budget keep its limits with an entry of `bytes` instead of what has `freed` bytes, and
// so with `more` entries?
bool has_room(const CacheControl& budget, std::uint64_t bytes, std::uint64_t freed,
              std::uint64_t more);

// --- under the budget lock ---

// Counts an entry that is linked and in the queue; and no more, one that is in neither, and lets go
// of its tags. The memory is left to the caller.
void count_entry(const Block& block, Ref ref);
void forget_entry(const Block& block, Ref ref);
// Frees the entries that were buried.
void collect_dead(const Block& block, CacheIndex budget);
// Evicts one entry; false when none is left. kept: gets the victim if it was evicted here, out of
// everything but not freed.
bool evict_locked(const Block& block, CacheIndex budget, Ref* kept = nullptr);

// --- no lock ---

// Frees what is buried in the budget, or evicts one entry; false when none is left.
bool evict_one(const Block& block, CacheIndex budget);
// Whose entries may go.
enum class Victims : std::uint8_t { kUnpinned, kAny };

// The same, in the first budget that has one. For when the heaviest has just been emptied by
// somebody else.
bool evict_anywhere(const Block& block, Victims victims);
// Evicts the entry in some place, whose hash was read there. False if there is none, or none that
// is linked, or that may go.
bool evict_at(const Block& block, Ref ref, Tag hash, Victims victims);
// Is there a linked entry of a pinned budget in that place?
bool is_pinned_at(const Block& block, Ref ref, Tag hash);

inline bool is_pinned(const Block& block, CacheIndex budget) {
    return block.max_pinned > 0 && load_relaxed(block.caches[budget].pinned);
}

// The budgets that use most of the arena, kNoCache where none uses any.
struct Weights {
    CacheIndex heaviest = kNoCache;  // of those that are not pinned
    CacheIndex heaviest_pinned = kNoCache;
    std::uint64_t pinned_bytes = 0;  // of all pinned ones
};
Weights weigh(const Block& block);

void collect_all_dead(const Block& block);
// Gives all ghost tables back: they are the last that may stand in the way of a large value. False
// if there were none.
bool drop_ghosts(const Block& block);

}  // namespace cache_ext::core
