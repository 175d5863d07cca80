// Giving memory back, although values are read where they lie. A reader names the entry in a line
// of its own, and whoever takes an entry out of the index looks through these lines before giving
// its memory back (hazard pointers: Michael, "Hazard pointers: safe memory reclamation for
// lock-free objects", IEEE TPDS 2004).
//
// Naming an entry says nothing until it is known to have been in the index afterwards: it may have
// been freed before. The lock of its partition shows that, or the partition's version after a full
// fence. What is named in vain for a moment only delays the freeing of whatever lies there.
#pragma once

#include <cstdint>

#include "core/block.hpp"

namespace cache_ext::core {

// What is held, after one look at all hazards, as a Bloom filter (CACM 1970) with one hash: it may
// take another entry for one that is held, which then is freed later, and never the other way
// round.
class HeldSet {
  public:
    // Looks once; takes no lock, whatever the caller holds. What is out of the index before a full
    // fence before this, and is not in here, nobody begins to hold.
    explicit HeldSet(const Block& block);
    bool may_contain(Ref ref) const { return (words_[word(ref)] & bit(ref)) != 0; }

  private:
    static constexpr std::uint32_t kLogBits = 13;

    static std::uint32_t place(Ref ref) { return ref * 0x9e3779b1U >> (32 - kLogBits); }
    static std::uint32_t word(Ref ref) { return place(ref) / 64; }
    static std::uint64_t bit(Ref ref) { return std::uint64_t{1} << place(ref) % 64; }

    std::uint64_t words_[(1U << kLogBits) / 64] = {};
};

// The kHazards hazards of a process, nullptr if `reader` is not below StoreOptions::readers. No two
// processes may use the same ones.
Ref* hazards_of(const Block& block, std::uint32_t reader);
// Whoever looks at the hazards has to see no less of what the reader has done before than if it had
// seen let_go(): that store may be overwritten by this one before anybody looks. So this one is a
// release, too: what was read of the value before is read before its memory is another's.
inline void name_held(Ref* hazard, Ref ref) {
    store_release(*hazard, ref);
}
inline void let_go(Ref* hazard) {
    store_release(*hazard, kNullRef);
}

// Frees unlinked entries (a chain by `next`), now or when their last readers have let go of them.
// One look at the hazards does for all. Not under the arena lock.
void retire_entries(const Block& block, Ref chain);
// Frees the retired entries that nobody holds any more; false if there were none. No lock.
bool reap(const Block& block);
// Frees what nobody can hold: it was never in the index, or is no entry. No lock.
void release_memory(const Block& block, Ref ref);

}  // namespace cache_ext::core
