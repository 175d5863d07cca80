// What a fill holds on to before its entry exists: the nodes of its tags, and the caches that it
// has read as a whole.
#pragma once

#include <cstdint>

#include "core/block.hpp"
#include "core/fill.hpp"

namespace cache_ext::core {

struct Pins {
    TagRef ref[kMaxTags];
    std::uint32_t generation[kMaxTags];  // of the control block, where it has no node
    std::uint32_t count = 0;
    Span span[kMaxTags];  // of the ranged ones
    std::uint32_t span_count = 0;
};

// Collects, for every tag of the fill but the whole cache, what f is blind to, and pins the nodes
// of the grouping tags, evicting to make them. The full key is only looked at, unless the value
// has an account: publish() does that again, under the lock that it links the entry under. Whatever
// the result, *pins is for unpin(). unseen == nullptr: the value is published as an old one, so f
// must only see what is hard. No lock.
PublishResult pin(const Block& block, const Fill& fill, const Snapshot& f, Pins* pins,
                  Unseen* unseen);

// Has the cache kept its control block since then? Under a partition lock this stays so for the
// entries of that partition: release_cache() takes each of them before the block can be used again.
inline bool still(const Block& block, CacheIndex cache, std::uint32_t generation) {
    return load_acquire(block.caches[cache].id) != 0 &&
           load_relaxed(block.caches[cache].generation) == generation;
}
// Have all caches that were read as a whole? As above.
bool still(const Block& block, const Pins& pins);

}  // namespace cache_ext::core
