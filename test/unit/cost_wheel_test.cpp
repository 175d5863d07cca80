// The wheel against a plain list: what comes out, in which order, and how far from exact.
#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <memory>
#include <random>
#include <vector>

#include "core/cost_wheel.hpp"

namespace cache_ext::core::test {
namespace {

class CostWheelTest : public testing::Test {
  protected:
    CostWheelTest() { EXPECT_TRUE(Arena::format(memory_.get(), kBytes)); }

    Ref entry() {
        const Ref ref = arena().allocate(sizeof(Entry));
        *arena().at<Entry>(ref) = Entry{};
        return ref;
    }
    Arena arena() { return Arena(memory_.get()); }
    std::vector<Ref> drain() {
        std::vector<Ref> order;
        for (Ref ref = wheel.pop(arena()); ref != kNullRef; ref = wheel.pop(arena())) {
            order.push_back(ref);
        }
        return order;
    }

    CostWheel wheel = {};

  private:
    static constexpr std::size_t kBytes = std::size_t{4} << 20;
    std::unique_ptr<std::byte, void (*)(void*)> memory_{
        static_cast<std::byte*>(std::aligned_alloc(64, kBytes)), std::free};
};

TEST_F(CostWheelTest, EqualCreditsGoFirstInFirstOut) {
    for (const std::uint64_t credit : {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{1000}}) {
        std::vector<Ref> put;
        for (int i = 0; i < 20; ++i) wheel.push(arena(), put.emplace_back(entry()), credit);
        EXPECT_EQ(drain(), put);
        EXPECT_EQ(wheel.count, 0U);
    }
}

TEST_F(CostWheelTest, TheLargestCreditFits) {
    for (const std::uint64_t hand : {0ULL, 1ULL, 12345ULL, 0xffffffffffULL}) {
        wheel.hand = hand;
        const Ref dear = entry(), cheap = entry();
        wheel.push(arena(), dear, CostWheel::kMaxCredit);
        wheel.push(arena(), cheap, CostWheel::kMaxCredit / 4);
        EXPECT_EQ(drain(), (std::vector<Ref>{cheap, dear}));
    }
}

TEST_F(CostWheelTest, AReplacedEntryKeepsItsPlaceAndARemovedOneIsGone) {
    std::vector<Ref> refs;
    for (int i = 0; i < 5; ++i) wheel.push(arena(), refs.emplace_back(entry()), 7);
    for (int i = 0; i < 5; ++i) {
        const Ref fresh = entry();
        wheel.replace(arena(), refs[static_cast<std::size_t>(i)], fresh);
        refs[static_cast<std::size_t>(i)] = fresh;
    }
    wheel.remove(arena(), refs[4]);
    wheel.remove(arena(), refs[2]);
    wheel.remove(arena(), refs[0]);
    EXPECT_EQ(drain(), (std::vector<Ref>{refs[1], refs[3]}));
}

// Nothing comes more than 30 % of its credit too early, and never late but for those before it.
TEST_F(CostWheelTest, WhatComesOutIsDueOrNearly) {
    struct Due {
        Ref ref;
        std::uint64_t put, due;
    };
    std::list<Due> model;
    std::mt19937_64 random(1);
    for (int i = 0; i < 100000; ++i) {
        if (model.size() < 1000 && (model.empty() || random() % 2 == 0)) {
            const std::uint64_t credit =
                std::min(random() >> (random() % 64), CostWheel::kMaxCredit);
            const Ref ref = entry();
            wheel.push(arena(), ref, credit);
            model.push_back({ref, wheel.hand, wheel.hand + credit});
            continue;
        }
        const std::uint64_t before = wheel.hand;
        const Ref ref = wheel.pop(arena());
        EXPECT_GE(wheel.hand, before);
        const auto found =
            std::find_if(model.begin(), model.end(), [&](const Due& d) { return d.ref == ref; });
        ASSERT_NE(found, model.end());
        const std::uint64_t credit = found->due - found->put;
        EXPECT_GE(wheel.hand - found->put + credit * 3 / 10, credit);
        EXPECT_LE(wheel.hand, found->due);
        arena().free(ref);
        model.erase(found);
        ASSERT_EQ(wheel.count, model.size());
    }
}

}  // namespace
}  // namespace cache_ext::core::test
