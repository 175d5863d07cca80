// What must hold before memory is written that many processes share.
//
// A build with CACHE_EXT_GUARD stops where something does not hold, and puts read-only pages around
// what a wrong index would reach first (block.hpp). Any other build does without the write: it
// would be somebody else's memory, and a process that dies takes the whole server down.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace cache_ext::core {

#ifdef CACHE_EXT_GUARD
inline constexpr bool kGuarded = true;
#else
inline constexpr bool kGuarded = false;
#endif

// Of a block, and of the guard pages in it.
inline constexpr std::size_t kGuardPage = 4096;
inline constexpr std::size_t kBlockAlignment = kGuarded ? kGuardPage : 64;

// In a guarded build the allocator is checked from one end to the other every so many calls.
inline constexpr std::uint32_t kChecksApart = 64;

inline bool sound(bool condition) {
    if (__builtin_expect(condition, 1)) return true;
    if (kGuarded) std::abort();
    return false;
}

}  // namespace cache_ext::core
