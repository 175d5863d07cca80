// A hit without a lock: copy first, then ask the partition's version whether it was all true (a
// sequence lock: Lameter, "Effective synchronization on Linux/NUMA systems", 2005; Boehm, "Can
// seqlocks get along with programming language memory models?", MSPC 2012).
//
// Until the version has been compared, nothing that was read may be believed: the entry may have
// been freed and its memory been given to another one. So every reference is checked against the
// block's bounds before it is followed, every loop is bounded, and nothing is written. What holds
// then: the entry was in the index all the time, and with it the nodes it pins.
#pragma once

#include "core/block.hpp"
#include "core/found.hpp"
#include "core/index.hpp"

namespace cache_ext::core {

// True: a hit, and `found` and the buffer are filled in. False says nothing: look under the lock.
bool lookup_unlocked(const Block& block, CacheIndex cache, const KeyView& key, const Snapshot& s,
                     const LookupOptions& options, Found* found);

}  // namespace cache_ext::core
