// Values that are read where they lie. A reader names the entry in a line of its own, and whoever
// takes an entry out of the index looks through these lines before giving its memory back (hazard
// pointers: Michael, "Hazard pointers: safe memory reclamation for lock-free objects", IEEE TPDS
// 2004).
//
// Naming an entry says nothing until it is known to have been in the index afterwards: it may have
// been freed before. The lock of its partition shows that, or the partition's version after a full
// fence. What is named in vain for a moment only delays the freeing of whatever lies there.
#pragma once

#include <cstdint>

#include "core/arena.hpp"

namespace cache_ext::core {

inline constexpr std::uint32_t kHazards = 8;  // values that one process can hold

// Atomic. Written by the process it belongs to; on a line of its own, so that holding a value
// does not disturb other readers.
struct alignas(64) HazardSet {
    Ref ref[kHazards];
};

}  // namespace cache_ext::core
