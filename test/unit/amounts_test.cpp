// Vectors of amounts: how they merge, and what the first of those that are left can be told of.
// Plain multisets are the oracle.
#include "core/amounts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <set>
#include <vector>

namespace cache_ext::core::test {
namespace {

using Amounts = std::vector<Amount>;

// At an address that is no multiple of 16, as in shared memory.
bool merge(Amounts* to, const Amounts& from, Groups groups) {
    std::vector<std::uint64_t> memory(2 * (to->size() + from.size()) + 3);
    const bool odd = reinterpret_cast<std::uintptr_t>(memory.data()) % 16 == 0;
    auto* a = reinterpret_cast<std::uint8_t*>(memory.data() + (odd ? 1 : 0));
    std::uint8_t* b = a + to->size() * sizeof(Amount);
    std::memcpy(a, to->data(), to->size() * sizeof(Amount));
    std::memcpy(b, from.data(), from.size() * sizeof(Amount));
    const bool good = merge_amounts(a, b, static_cast<std::uint32_t>(to->size()), groups);
    std::memcpy(to->data(), a, to->size() * sizeof(Amount));
    return good;
}

// The least of them, in a group of that size.
Amounts group_of(const std::multiset<Amount>& values, std::uint32_t size) {
    Amounts group(values.begin(), values.end());
    group.resize(std::max<std::size_t>(group.size(), size), kNoLeast);
    group.resize(size);
    return group;
}

TEST(Amounts, SumsAddUpAndDoNotOverflow) {
    Amounts a = {1, -2, kNoLeast};
    EXPECT_TRUE(merge(&a, {10, 20, -1}, {}));
    EXPECT_EQ(a, (Amounts{11, 18, kNoLeast - 1}));
    EXPECT_FALSE(merge(&a, {0, 0, 2}, {}));
}

TEST(Amounts, GroupsKeepTheLeastAndSumsBesideThemAddUp) {
    Groups groups;
    groups.add(1, 3);
    groups.add(4, 1);
    Amounts a = {1, 5, 7, kNoLeast, 9, 1};
    EXPECT_TRUE(merge(&a, {1, 4, 7, 8, 10, 1}, groups));
    EXPECT_EQ(a, (Amounts{2, 4, 5, 7, 9, 2}));
    EXPECT_TRUE(merge(&a, {1, 7, kNoLeast, kNoLeast, 3, 1}, groups));
    EXPECT_EQ(a, (Amounts{3, 4, 5, 7, 3, 3}));
    EXPECT_FALSE(merge(&a, {kNoLeast, 0, kNoLeast, kNoLeast, 3, 1}, groups));
}

TEST(Amounts, EveryPlaceCanBeInAGroup) {
    for (std::uint32_t first : {0U, 1U, 31U, 32U, 62U, 63U}) {
        for (std::uint32_t size : {1U, 2U, 32U, 63U, 64U}) {
            if (first + size > kMaxAmounts) continue;
            const Groups groups = one_group(first, size);
            Amounts a(kMaxAmounts), b(kMaxAmounts, 1);
            clear_amounts(reinterpret_cast<std::uint8_t*>(a.data()), kMaxAmounts, groups);
            for (std::uint32_t i = 0; i < kMaxAmounts; ++i) {
                const bool in = i >= first && i < first + size;
                ASSERT_EQ(groups.has(i), in);
                ASSERT_EQ(a[i], in ? kNoLeast : Amount{0});
                ASSERT_EQ(in ? groups.end(i, kMaxAmounts) : first + size, first + size);
            }
            EXPECT_TRUE(merge(&a, b, groups));
            EXPECT_EQ(a, b);
        }
    }
    // Groups that follow each other are two; one that ends with the vector ends there.
    Groups two = one_group(0, 3);
    two.add(3, 61);
    EXPECT_EQ(two.end(0, kMaxAmounts), 3U);
    EXPECT_EQ(two.end(3, 10), 10U);
}

TEST(Amounts, WhatBytesThereAreDoesNotMatterToMemory) {
    std::mt19937_64 random(7);
    for (int i = 0; i < 20000; ++i) {
        Groups groups;
        groups.kept = random() & random();
        groups.begins = random();
        const std::uint32_t count = static_cast<std::uint32_t>(1 + random() % kMaxAmounts);
        Amounts a(count), b(count);
        for (Amount& x : a) x = static_cast<Amount>(random() % 9) - 4;
        for (Amount& x : b) x = static_cast<Amount>(random() % 9) - 4;
        ASSERT_TRUE(merge(&a, b, groups));
        for (const Amount x : a) ASSERT_TRUE(x >= -8 && x <= 8);
    }
}

TEST(Amounts, MergingIsAsIfAllHadComeAtOnce) {
    std::mt19937 random(1);
    for (int i = 0; i < 5000; ++i) {
        const std::uint32_t size = 1 + random() % 6;
        const Amount spread = 1 + random() % 12;
        const Groups groups = one_group(0, size);
        std::multiset<Amount> all;
        Amounts merged = group_of({}, size);
        for (std::uint32_t parts = random() % 5; parts > 0; --parts) {
            std::multiset<Amount> part;
            for (std::uint32_t n = random() % 9; n > 0; --n) part.insert(random() % spread);
            all.insert(part.begin(), part.end());
            ASSERT_TRUE(merge(&merged, group_of(part, size), groups));
        }
        ASSERT_EQ(merged, group_of(all, size));
    }
}

// Whatever sizes the groups have, what is told is right; and with a reserve of `size - wanted`
// values as many may go before anything is untold.
TEST(Amounts, TheFirstThatAreLeftAreToldRightOrNotAtAll) {
    std::mt19937 random(2);
    int told = 0, untold = 0;
    for (int i = 0; i < 100000; ++i) {
        const std::uint32_t wanted = 1 + random() % 4;
        const std::uint32_t came_size = wanted + random() % 4;
        const std::uint32_t went_size = 1 + random() % 5;
        const Amount spread = 1 + random() % 12;
        std::multiset<Amount> came, went, left;
        for (std::uint32_t n = random() % 12; n > 0; --n) came.insert(random() % spread);
        for (const Amount value : came) (random() % 3 == 0 ? went : left).insert(value);
        const Amounts a = group_of(came, came_size), b = group_of(went, went_size);
        Amounts out(wanted);
        std::uint32_t count;
        const bool known =
            least_left({a.data(), came_size}, {b.data(), went_size}, wanted, out.data(), &count);
        (known ? told : untold) += 1;
        if (!known) {
            ASSERT_TRUE(went.size() > came_size - wanted || went.size() >= went_size);
            continue;
        }
        out.resize(count);
        Amounts first(left.begin(), left.end());
        first.resize(std::min<std::size_t>(first.size(), wanted));
        ASSERT_EQ(out, first);
    }
    EXPECT_GT(told, 60000);
    EXPECT_GT(untold, 10000);
}

TEST(Amounts, AFullGroupOfThoseThatWentTellsNothingOfWhatIsBehind) {
    // Four came, and all of them went: there was room for three of these.
    const Amount came[] = {1, 2, 3, 4, kNoLeast}, went[] = {1, 2, 3};
    Amount out[3];
    std::uint32_t count;
    EXPECT_FALSE(least_left({came, 5}, {went, 3}, 3, out, &count));
    // One with the value of the last of them may be a second one that went.
    const Amount twice[] = {1, 3, 3, kNoLeast, kNoLeast}, both[] = {1, 3};
    EXPECT_FALSE(least_left({twice, 5}, {both, 2}, 3, out, &count));
    // What is before it is there.
    const Amount before[] = {0, 1, 3, kNoLeast, kNoLeast};
    ASSERT_TRUE(least_left({before, 5}, {both, 2}, 3, out, &count));
    EXPECT_EQ(count, 1U);
    EXPECT_EQ(out[0], Amount{0});
}

}  // namespace
}  // namespace cache_ext::core::test
