// What the values of aggregate caches are in shared memory: vectors of amounts, and how two of them
// merge.
//
// Counts and sums add up. Other amounts lie in groups: of two groups the least of both are kept, in
// order, as many as a group has amounts. So a group that has met them all holds the least of all,
// whatever came first, and a group of one amount is a least value. Both ways of merging are
// commutative and associative, which is what lets writers, savepoints and loads come in any order.
#pragma once

#include <cstdint>

namespace cache_ext::core {

// Of a count, or of a sum or a value in units of its scale. In shared memory it has an alignment of
// 8 only: read and write it by memcpy.
using Amount = __int128;
// What is behind the last value of a group; the least of no values.
inline constexpr Amount kNoLeast = static_cast<Amount>(~static_cast<unsigned __int128>(0) >> 1);

inline constexpr std::uint32_t kMaxAmounts = 64;  // of one value

// Which amounts of a value are groups. Bit i stands for amount i.
struct Groups {
    std::uint64_t kept = 0;    // it is in a group
    std::uint64_t begins = 0;  // and is the first of it

    bool none() const { return kept == 0; }
    bool has(std::uint32_t i) const { return (kept >> i & 1) != 0; }
    // Behind the group that amount i is in.
    std::uint32_t end(std::uint32_t i, std::uint32_t count) const;
    // Amounts from `first` on, `size` of them, 1 at least. Both end within kMaxAmounts.
    constexpr void add(std::uint32_t first, std::uint32_t size) {
        begins |= std::uint64_t{1} << first;
        kept |= (~std::uint64_t{0} >> (kMaxAmounts - size)) << first;
    }
    bool operator==(const Groups&) const = default;
};
// One of `size` amounts from `first` on.
constexpr Groups one_group(std::uint32_t first, std::uint32_t size) {
    Groups groups;
    groups.add(first, size);
    return groups;
}

// Merges `from` into `to`, `count` amounts each. False: a sum does not fit; then `to` is worthless.
// Of any bytes whatever: what is read beside a writer may be anything.
bool merge_amounts(std::uint8_t* to, const std::uint8_t* from, std::uint32_t count, Groups groups);
// What an amount is that says nothing, as merging it changes nothing.
inline Amount empty_amount(std::uint32_t i, Groups groups) {
    return groups.has(i) ? kNoLeast : Amount{0};
}
// Makes `count` amounts empty ones.
void clear_amounts(std::uint8_t* amounts, std::uint32_t count, Groups groups);

struct Group {
    const Amount* values;
    std::uint32_t size;
};
// The least `wanted` of the values that are left when all that went are taken away from all that
// came, of which these two groups have the least. Fills `out` in order, with fewer if there are no
// more, and says how many. False: nobody knows, as others may have come or gone than the groups
// have room for (docs/guarantees.md).
bool least_left(Group came, Group went, std::uint32_t wanted, Amount* out, std::uint32_t* count);

}  // namespace cache_ext::core
