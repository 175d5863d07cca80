// The queues of one budget, without a store: who goes first, and what a switch of policy does.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "core/eviction.hpp"

namespace cache_ext::core::test {
namespace {

class EvictionQueueTest : public testing::Test {
  protected:
    EvictionQueueTest() { EXPECT_TRUE(Arena::format(memory_.get(), kBytes)); }

    // A budget of few entries: they go to the main queue at once.
    static EvictionRules rules(Eviction by) { return {by, 10, false}; }

    Ref insert(Eviction by, std::uint32_t load_us = 1000) {
        const Ref ref = arena().allocate(sizeof(Entry));
        auto* e = arena().at<Entry>(ref);
        *e = Entry{};
        e->load_us = load_us;
        queue.insert(arena(), ref, rules(by));
        return ref;
    }
    void touch(Ref ref) { EvictionQueue::touch(arena().at<Entry>(ref)); }
    std::vector<Ref> drain(Eviction by) {
        std::vector<Ref> order;
        for (;;) {
            const Ref ref = queue.pop_victim(arena(), rules(by));
            if (ref == kNullRef) return order;
            order.push_back(ref);
        }
    }
    Arena arena() { return Arena(memory_.get()); }

    EvictionQueue queue = {};

  private:
    static constexpr std::size_t kBytes = std::size_t{1} << 20;
    std::unique_ptr<std::byte, void (*)(void*)> memory_{
        static_cast<std::byte*>(std::aligned_alloc(64, kBytes)), std::free};
};

TEST_F(EvictionQueueTest, ByUseTheMainQueueIsFirstInFirstOutWithASecondChance) {
    const Ref a = insert(Eviction::kLru, 1000000), b = insert(Eviction::kLru, 1),
              c = insert(Eviction::kLru, 1000);
    touch(a);
    EXPECT_EQ(drain(Eviction::kLru), (std::vector<Ref>{b, c, a})) << "whatever they cost";
    EXPECT_EQ(queue.entries(), 0U);
}

TEST_F(EvictionQueueTest, ByUseTheQueueByCostHoldsNothing) {
    for (int i = 0; i < 8; ++i) touch(insert(Eviction::kLru));
    EXPECT_NE(queue.pop_victim(arena(), rules(Eviction::kLru)), kNullRef);
    EXPECT_EQ(queue.main.count, 7U);
    EXPECT_EQ(queue.by_cost.wheel.count, 0U);
}

TEST_F(EvictionQueueTest, ByCostTheCheapGoFirst) {
    const Ref usual = insert(Eviction::kCost), dear = insert(Eviction::kCost, 100000),
              cheap = insert(Eviction::kCost, 10);
    EXPECT_EQ(queue.main.count, 0U);
    EXPECT_EQ(drain(Eviction::kCost), (std::vector<Ref>{cheap, usual, dear}));
}

TEST_F(EvictionQueueTest, WhatTheOtherPolicyLeftGoesFirst) {
    for (const Eviction now : {Eviction::kLru, Eviction::kCost}) {
        const Eviction before = now == Eviction::kLru ? Eviction::kCost : Eviction::kLru;
        std::vector<Ref> expected;
        for (int i = 0; i < 3; ++i) expected.push_back(insert(before));
        for (int i = 0; i < 3; ++i) expected.push_back(insert(now));
        EXPECT_EQ(drain(now), expected);
        EXPECT_EQ(queue.entries(), 0U);
    }
}

TEST_F(EvictionQueueTest, WhatWasReadMovesToTheQueueOfThePolicyInForce) {
    const Ref read = insert(Eviction::kCost), unread = insert(Eviction::kCost);
    touch(read);
    EXPECT_EQ(queue.pop_victim(arena(), rules(Eviction::kLru)), unread);
    EXPECT_EQ(queue.by_cost.wheel.count, 0U);
    EXPECT_EQ(queue.main.count, 1U);
}

TEST_F(EvictionQueueTest, AReplacedEntryKeepsItsPlaceAndARemovedOneIsGone) {
    for (const Eviction by : {Eviction::kLru, Eviction::kCost}) {
        const Ref a = insert(by), b = insert(by), c = insert(by);
        const Ref fresh = arena().allocate(sizeof(Entry));
        *arena().at<Entry>(fresh) = Entry{};
        queue.replace(arena(), a, fresh);
        queue.remove(arena(), b);
        EXPECT_EQ(drain(by), (std::vector<Ref>{fresh, c}));
    }
}

}  // namespace
}  // namespace cache_ext::core::test
