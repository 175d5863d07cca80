// A queue ordered by when its entries are due, as the GreedyDual family needs it, in constant time.
//
// GreedyDual (Young, Algorithmica 1994; by size: Cao and Irani, USITS 1997) gives an entry the
// credit cost / size on top of the credit L of the last victim, and evicts the one with the least.
// As in GD-Wheel (Li and Cox, EuroSys 2015) the entries hang in wheels of slots instead of a heap,
// and L is the hand. A slot of the next wheel is four times as wide; entries are never moved down
// from there (Linux keeps its timers so), which costs precision: an entry is due up to 28 % early.
#pragma once

#include <cstdint>

#include "core/arena.hpp"
#include "core/entry.hpp"
#include "core/entry_list.hpp"

namespace cache_ext::core {

// Locking: the budget lock.
struct CostWheel {
    static constexpr std::uint32_t kLevels = 8;
    static constexpr std::uint32_t kSlots = 16;
    static constexpr std::uint64_t kMaxCredit = std::uint64_t{kSlots - 2} << (2 * (kLevels - 1));

    std::uint64_t count;
    std::uint64_t hand;
    std::uint16_t used[kLevels];  // bit s: slots[level][s] is not empty
    EntryList slots[kLevels][kSlots];

    // Due after what is due until hand + credit; credit is at most kMaxCredit.
    void push(const Arena& arena, Ref ref, std::uint64_t credit);
    void remove(const Arena& arena, Ref ref);
    // Takes out what is due first and moves the hand there; kNullRef if there is nothing.
    Ref pop(const Arena& arena);
    // Gives the place of `old` to `fresh`, which is in no queue.
    void replace(const Arena& arena, Ref old, Ref fresh);

    // Entry::queue of what is in here: kWheel and above.
    static bool holds(const Entry& e) { return e.queue >= Queue::kWheel; }

  private:
    // When the slot that is n steps ahead of the hand begins.
    std::uint64_t due(std::uint32_t level, std::uint32_t ahead) const;
    std::uint32_t rotated(std::uint32_t level) const;
};
static_assert(std::is_trivially_copyable_v<CostWheel>);

}  // namespace cache_ext::core
