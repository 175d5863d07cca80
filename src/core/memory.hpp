// Allocating by evicting.
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>

#include "core/block.hpp"

namespace cache_ext::core {

// Memory of `bytes` bytes for that budget, of which the first 8 are the label (layout.hpp). Evicts
// wherever it must: from the budget that uses most, then from whatever lies in the way; what is
// pinned only if the budget is, too, and nothing else could make room, or if pinned budgets have
// more than they may (budgets.hpp). kNullRef when nothing is left to evict anywhere, after
// max_rounds, or when much has gone in vain: what cannot be evicted may lie everywhere. No lock.
Ref allocate(const Block& block, std::size_t bytes, Label label, CacheIndex budget,
             int max_rounds = INT_MAX);

// Gives the budget a ghost table that suits the number of its entries, if there is memory. To be
// asked for once evictions have begun; `evictions` so far. No lock.
void grow_ghosts(const Block& block, CacheIndex budget, std::uint64_t evictions);

}  // namespace cache_ext::core
