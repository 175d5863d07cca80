// Puts that are due: of a transaction that is about to commit, or whose commit can be seen, and
// that has not published them yet. Who looks a key up in between does not find what the
// transaction, which he sees, has put. That is as good as any value for him; but it must not become
// part of a value that outlives the publication.
//
// Whoever takes a snapshot and finds nothing due after that finds the puts of all that the snapshot
// sees; all others have yet to register as writers of their keys, or have, and are not seen.
#pragma once

#include "core/block.hpp"

namespace cache_ext::core {

// Before the writer registers; to be ended exactly once, after its puts are published or given up.
// No lock. A few caches share a place.
inline void begin_due_put(const Block& block, std::uint64_t cache_id) {
    add_relaxed(block.header->due_puts[cache_id % kDuePuts], 1);
    full_fence();
}
inline void end_due_put(const Block& block, std::uint64_t cache_id) {
    full_fence();
    add_relaxed(block.header->due_puts[cache_id % kDuePuts], -1);
}

// Is one due of this cache, or of one that shares its place? To be asked after the snapshot was
// taken and before the look-up. No lock.
inline bool puts_are_due(const Block& block, std::uint64_t cache_id) {
    return load_acquire(block.header->due_puts[cache_id % kDuePuts]) != 0;
}

}  // namespace cache_ext::core
