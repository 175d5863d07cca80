// The main queue where cost is on: GreedyDual-Size-Frequency (Cherkasova, HP Labs 1998).
//
// An entry is due uses * load time / bytes after the last victim, uses counted since it was last
// considered. Times and sizes are compared with what is usual in the budget, so the credits need no
// unit. What leaves the small queue unread goes to the main one all the same, with half the credit,
// if it is worth more than twice the usual.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/arena.hpp"
#include "core/cost_wheel.hpp"

namespace cache_ext::core {

// Locking: the budget lock. by_bytes: it is bytes that are scarce, not entries.
struct CostQueue {
    CostWheel wheel;
    std::int32_t usual_worth;  // mean of log2(worth) * 256 over recent entries

    // A newcomer, wherever it goes: it counts for what is usual. first: there is no other entry.
    void learn(const Arena& arena, Ref ref, bool by_bytes, bool first);
    void push(const Arena& arena, Ref ref, bool by_bytes, std::uint32_t uses);
    // Takes an entry that nobody has read, if it is worth it.
    bool push_unread(const Arena& arena, Ref ref, bool by_bytes);

    // How many of a budget's entries belong into the small queue. The main queue decides more here
    // than by use, so it gets more of a small budget.
    static std::uint64_t small_target(std::uint64_t entries) { return entries / 10; }

  private:
    std::uint64_t credit(const Arena& arena, Ref ref, bool by_bytes) const;
};
static_assert(std::is_trivially_copyable_v<CostQueue>);

}  // namespace cache_ext::core
