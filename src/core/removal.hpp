// Taking entries out: one, those of a cache, those that have expired. No function needs a lock.
#pragma once

#include <cstdint>

#include "core/block.hpp"
#include "core/index.hpp"

namespace cache_ext::core {

// False if there was none.
bool remove_entry(const Block& block, CacheIndex cache, const KeyView& key);

// Removes a cache's entries, all or those of one partition, for callers who must be able to stop in
// between; returns how many. Of a cache that is being released also what hangs in its queue and
// what has read it as a whole.
std::uint64_t remove_partition(const Block& block, CacheIndex cache, std::uint32_t partition);
std::uint64_t remove_all(const Block& block, CacheIndex cache);

// Frees entries of a partition that have expired; returns how many. Starts at bucket *cursor and
// stops after about `max_entries`, or as much work on empty buckets; then *cursor is where to go
// on, 0 once the partition has been walked.
std::uint32_t sweep(const Block& block, std::uint32_t partition, std::uint32_t* cursor,
                    std::uint32_t max_entries);

}  // namespace cache_ext::core
