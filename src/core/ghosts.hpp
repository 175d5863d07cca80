// What was evicted not long ago, as fingerprints.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/arena.hpp"
#include "core/writers.hpp"

namespace cache_ext::core {

inline constexpr std::uint32_t kGhostSet = 4;

// About as many slots as entries are alive. Slots form sets of kGhostSet, first in first out: with
// one slot per hash, ghosts that fell on the same slot cost 0.1 to 0.5 % more misses on the traces
// that test/bench/replay was tried on. Lives in the arena; without memory for it there are no
// ghosts. Locking: the budget lock.
struct GhostTable {
    Ref slots;                 // the label, then std::uint32_t[slot_count], 0 is empty
    std::uint32_t slot_count;  // a power of two, or 0; atomic

    static std::size_t bytes_for(std::uint32_t slot_count) {
        return sizeof(Tag) + slot_count * sizeof(std::uint32_t);
    }

    void remember(const Arena& arena, Tag hash);
    // Was it remembered? It is no longer.
    bool forget(const Arena& arena, Tag hash);

    // Moves in: a table of `slot_count` (a power of two, at least kGhostSet) that the caller
    // allocated, with nothing in it. Returns the old one for freeing.
    GhostTable replace(const Arena& arena, GhostTable table);
    // Forgets everything and returns the table for freeing, if there is one.
    GhostTable take();

  private:
    std::uint32_t* begin(const Arena& arena) const {
        return reinterpret_cast<std::uint32_t*>(arena.at<Tag>(slots) + 1);
    }
    std::uint32_t* set_of(const Arena& arena, Tag hash) const;
};
static_assert(std::is_trivially_copyable_v<GhostTable>);

}  // namespace cache_ext::core
