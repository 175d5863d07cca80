// Budgets: what a cache, or several, may hold, and who goes when that is too much.
//
// A budget bounds entries and gross bytes; its queue (eviction.hpp) and totals are in the control
// block of the cache that it belongs to, under the budget lock.
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
// The same, in the first budget that has one. For when the heaviest has just been emptied by
// somebody else.
bool evict_anywhere(const Block& block);
// Evicts the entry in some place, whose hash was read there. False if there is none, or none that
// is linked.
bool evict_at(const Block& block, Ref ref, Tag hash);
// The budget that uses most of the arena, kNoCache if nothing is used.
CacheIndex heaviest_budget(const Block& block);
void collect_all_dead(const Block& block);
// Gives all ghost tables back: they are the last that may stand in the way of a large value. False
// if there were none.
bool drop_ghosts(const Block& block);

}  // namespace cache_ext::core
