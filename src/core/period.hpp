// The times for which a value holds, beyond the rows that it depends on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "core/clock.hpp"

namespace cache_ext::core {

// Readers are told apart by when their transactions began, which is what now() says in them: those
// from `since` on and before `until` get what the value says.
struct Period {
    Micros since;
    Micros until;

    static constexpr Period always() { return {INT64_MIN, INT64_MAX}; }
    constexpr bool bounded() const { return since != INT64_MIN || until != INT64_MAX; }
    constexpr bool holds(Micros reader) const { return reader >= since && reader < until; }
    constexpr Period meet(const Period& other) const {
        return {std::max(since, other.since), std::min(until, other.until)};
    }
    // The end, rounded down.
    constexpr Millis end() const {
        if (until == INT64_MAX) return kNever;
        return until / 1000 - (until % 1000 < 0 ? 1 : 0);
    }
    // Is it over for everybody, whenever he began?
    constexpr bool over(Millis now) const { return now >= end(); }
};
static_assert(sizeof(Period) == 16 && std::is_trivially_copyable_v<Period>);

}  // namespace cache_ext::core
