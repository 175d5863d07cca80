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

// What is held, after one look at all hazards, as a Bloom filter (CACM 1970) with one hash: it may
// take another entry for one that is held, which then is freed later, and never the other way
// round.
class HeldSet {
  public:
    void add(Ref ref) { words_[word(ref)] |= bit(ref); }
    bool may_contain(Ref ref) const { return (words_[word(ref)] & bit(ref)) != 0; }

  private:
    static constexpr std::uint32_t kLogBits = 13;

    static std::uint32_t place(Ref ref) { return ref * 0x9e3779b1U >> (32 - kLogBits); }
    static std::uint32_t word(Ref ref) { return place(ref) / 64; }
    static std::uint64_t bit(Ref ref) { return std::uint64_t{1} << place(ref) % 64; }

    std::uint64_t words_[(1U << kLogBits) / 64] = {};
};

}  // namespace cache_ext::core
