// Pinned budgets: who makes room for whom, by the names of the victims.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const HeldSnapshot kAll = snapshot(100);

Limits limits(bool pinned, std::uint64_t max_entries = 0, std::uint64_t max_bytes = 0) {
    Limits l = {max_entries, max_bytes, kNoCache};
    l.pinned = pinned;
    return l;
}

class StorePinned : public testing::Test {
  protected:
    void TearDown() override { EXPECT_TRUE(settled_check(*store)); }

    static std::string key(int i) { return "k" + std::to_string(i); }
    static PublishResult try_put(const TestCache& cache, int i, std::size_t bytes) {
        return cache.put(key(i), std::string(bytes, 'v'), kAll);
    }
    static void put(const TestCache& cache, int from, int to, std::size_t bytes = 1000) {
        for (int i = from; i < to; ++i) {
            ASSERT_EQ(try_put(cache, i, bytes), PublishResult::kPublished) << i;
        }
    }
    static int present(const TestCache& cache, int from, int to) {
        int n = 0;
        for (int i = from; i < to; ++i) n += cache.has(key(i)) ? 1 : 0;
        return n;
    }
    static std::uint64_t evictions(const TestCache& cache) {
        return cache.control().counters.totals()[Counter::kEvictions];
    }
    // Until `victim` has to give something; how many entries that took, 0 if it never does.
    static int fill_until(const TestCache& cache, const TestCache& victim, std::size_t bytes) {
        int n = 0;
        while (evictions(victim) == 0) {
            if (n > 10000 || try_put(cache, n++, bytes) != PublishResult::kPublished) return 0;
        }
        return n;
    }
    static int fill_up(const TestCache& cache, std::size_t bytes = 1000) {
        return fill_until(cache, cache, bytes);
    }
    // All of the memory, every third entry of `pinned`; how many those are.
    static int mix_up(const TestCache& pinned, const TestCache& other) {
        int n = 0;
        for (int i = 0; evictions(other) == 0; ++i) {
            EXPECT_EQ(try_put(other, i, 400), PublishResult::kPublished);
            if (i % 2 == 0 && evictions(other) == 0) put(pinned, n, n + 1, 400), ++n;
            if (i > 10000) return 0;
        }
        return n;
    }

    TestStore store{Store::min_bytes({8})};
};

// --- others make room ---

TEST_F(StorePinned, TheHeaviestBudgetGoesOnlyIfItIsNotPinned) {
    const TestCache pinned(*store, 1, limits(true)), light(*store, 2);
    put(light, 0, 20);
    const int n = fill_until(pinned, light, 1000);
    ASSERT_GT(n, 0);
    ASSERT_GT(pinned.control().used_bytes, 10 * light.control().used_bytes);
    put(light, 20, 500);
    EXPECT_EQ(evictions(pinned), 0U);
    EXPECT_EQ(present(pinned, 0, n), n);
}

TEST_F(StorePinned, WhatIsPinnedTakesFromOthersUntilTheyHaveNothing) {
    const TestCache other(*store, 1), pinned(*store, 2, limits(true));
    ASSERT_GT(fill_up(other), 0);
    int n = 0;
    while (other.control().live_entries > 0) {
        put(pinned, n, n + 1), ++n;
        ASSERT_EQ(evictions(pinned), 0U) << other.control().live_entries << " others are left";
    }
    put(pinned, n, n + 10);
    EXPECT_GE(evictions(pinned), 5U) << "now among themselves";
}

TEST_F(StorePinned, PinningProtectsWhatIsThereAlready) {
    const TestCache a(*store, 1), b(*store, 2);
    put(a, 0, 200);
    store->set_limits(a.index(), limits(true));
    ASSERT_GT(fill_up(b), 0);
    put(b, 5000, 6000);
    EXPECT_EQ(present(a, 0, 200), 200);
    store->set_limits(a.index(), limits(false));
    store->set_limits(b.index(), limits(true));
    put(b, 6000, 7000);
    EXPECT_EQ(present(a, 0, 200), 0);
}

TEST_F(StorePinned, WhoeverSharesAPinnedBudgetIsPinned) {
    const TestCache host(*store, 1, limits(true)), other(*store, 3);
    const TestCache guest(*store, 2, {0, 0, host.index()});
    put(guest, 0, 100);
    ASSERT_GT(fill_up(other), 0);
    put(other, 5000, 6000);
    EXPECT_EQ(present(guest, 0, 100), 100);
}

TEST_F(StorePinned, TheNextOwnerOfAControlBlockIsNotPinned) {
    {
        const TestCache pinned(*store, 1, limits(true));
        store->release(pinned.index(), 1);
    }
    bool created = false;
    const CacheIndex next = store->attach({1, 2, mix(77)}, next_is<3>, &created);
    EXPECT_TRUE(created);
    EXPECT_FALSE(store->control(next)->pinned);
}

// --- its own limits hold ---

TEST_F(StorePinned, WithinItsOwnLimitsItsOwnEntriesGo) {
    const TestCache few(*store, 1, limits(true, 100)), small(*store, 2, limits(true, 0, 50000));
    put(few, 0, 100, 10);
    for (int i = 0; i < 50; ++i) ASSERT_EQ(few.get(key(i), kAll).result, LookupResult::kHit);
    put(few, 100, 250, 10);
    EXPECT_EQ(few.control().used_entries, 100U);
    EXPECT_EQ(present(few, 0, 50), 50) << "those that were read stay, as ever";
    EXPECT_EQ(present(few, 50, 100), 0);
    put(small, 0, 200);
    EXPECT_LE(small.control().used_bytes, 50000U);
    EXPECT_GT(evictions(small), 100U);
}

// --- pinned ones alone ---

TEST_F(StorePinned, OncePinnedValuesFillTheMemoryOthersAreNotKept) {
    const TestCache pinned(*store, 1, limits(true)), other(*store, 2);
    const int n = fill_up(pinned);
    ASSERT_GT(n, 0);
    const std::uint64_t before = evictions(pinned), alive = pinned.control().live_entries;
    for (int i = 0; i < 50; ++i) try_put(other, i, 1000);
    EXPECT_LT(other.control().live_bytes, alive * 20) << "in what is left over";
    EXPECT_EQ(try_put(other, 50, 20000), PublishResult::kNoMemory);
    EXPECT_EQ(other.control().live_entries, 0U);
    EXPECT_EQ(evictions(pinned), before);
    EXPECT_EQ(pinned.control().live_entries, alive);
    // Tags need memory of their own.
    for (std::uint64_t i = 1; i < 100; ++i) {
        other.put("tagged", "value", kAll, {.tags = {{mix(i)}, {mix(i + 1000)}}});
    }
    EXPECT_EQ(evictions(pinned), before);
    put(pinned, n, n + 50);
    EXPECT_GE(evictions(pinned), before + 50) << "they make room for themselves";
    store->set_limits(pinned.index(), limits(false));
    put(other, 0, 50);
}

TEST_F(StorePinned, AmongThemselvesTheHeaviestGoes) {
    const TestCache heavy(*store, 1, limits(true)), light(*store, 2, limits(true));
    put(light, 0, 100);
    ASSERT_GT(fill_up(heavy), 0);
    put(light, 100, 300);
    EXPECT_EQ(evictions(light), 0U);
    EXPECT_EQ(present(light, 0, 300), 300);
}

// --- what pinned budgets may have together ---

TEST_F(StorePinned, BeyondTheirShareTheyAreTheFirstToGo) {
    const TestCache pinned(*store, 1, limits(true)), other(*store, 2);
    ASSERT_GT(fill_up(pinned), 0);
    const std::uint64_t all = pinned.control().used_bytes;
    store->set_max_pinned(50);
    put(other, 0, 1000);
    EXPECT_LE(pinned.control().used_bytes, all * 52 / 100);
    EXPECT_GE(pinned.control().used_bytes, all * 48 / 100) << "and no further";
    const std::uint64_t before = evictions(pinned);
    put(other, 1000, 3000);
    EXPECT_EQ(evictions(pinned), before);
    put(pinned, 5000, 8000);
    EXPECT_LE(pinned.control().used_bytes, all * 52 / 100) << "for their own sake, too";
    EXPECT_GT(other.control().used_bytes, all * 4 / 10);
}

TEST_F(StorePinned, FreeMemoryIsTheirsBeyondThat) {
    const TestCache pinned(*store, 1, limits(true));
    store->set_max_pinned(10);
    ASSERT_GT(fill_up(pinned), 0);
    EXPECT_GT(store->pinned_bytes(), store->stats().arena.capacity * 8 / 10);
}

TEST_F(StorePinned, AtZeroPercentPinningMeansNothing) {
    const TestCache pinned(*store, 1, limits(true)), other(*store, 2);
    store->set_max_pinned(0);
    put(pinned, 0, 100);
    ASSERT_GT(fill_up(other), 0);
    EXPECT_EQ(pinned.control().live_entries, 100U) << "the heavier one goes";
    put(pinned, 100, 2000);
    EXPECT_GT(evictions(pinned), 0U);
    EXPECT_GT(other.control().live_entries, pinned.control().live_entries / 2) << "both alike";
}

// --- large values: the place is cleared by address ---

TEST_F(StorePinned, ALargeValueOfOthersGoesAroundWhatIsPinned) {
    const TestCache pinned(*store, 1, limits(true)), other(*store, 2);
    const int n = mix_up(pinned, other);
    ASSERT_GT(n, 100);
    const std::uint64_t before = evictions(other);
    for (int i = 0; i < 20; ++i) try_put(other, 100000 + i, 15000);
    EXPECT_LT(evictions(other) - before, 20U * 50) << "what is not kept costs little";
    EXPECT_EQ(evictions(pinned), 0U);
    EXPECT_EQ(present(pinned, 0, n), n);
}

TEST_F(StorePinned, AndIsKeptWhereThereIsAPlace) {
    const TestCache pinned(*store, 1, limits(true)), other(*store, 2);
    put(pinned, 0, 200, 400);  // all in one place
    ASSERT_GT(fill_up(other, 400), 0);
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(try_put(other, 100000 + i, 15000), PublishResult::kPublished);
    }
    EXPECT_EQ(present(pinned, 0, 200), 200);
}

TEST_F(StorePinned, ALargeValueThatIsPinnedFindsAPlaceAmongThem) {
    const TestCache pinned(*store, 1, limits(true));
    ASSERT_GT(fill_up(pinned, 400), 0);
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(try_put(pinned, 100000 + i, 15000), PublishResult::kPublished);
    }
}

TEST_F(StorePinned, BegunWhereOthersLie) {
    const TestCache pinned(*store, 1, limits(true)), other(*store, 2);
    ASSERT_GT(mix_up(pinned, other), 100);
    const std::uint64_t before = evictions(other);
    for (int i = 0; i < 5; ++i) {
        ASSERT_EQ(try_put(pinned, 100000 + i, 15000), PublishResult::kPublished);
    }
    EXPECT_LT(evictions(pinned), evictions(other) - before);
}

// Whoever walks the block may meet an entry that was not there when he looked ahead.
TEST_F(StorePinned, NorIsItEvictedByItsPlace) {
    const TestCache pinned(*store, 1, limits(true)), other(*store, 2);
    put(pinned, 0, 1);
    put(other, 0, 1);
    const Block block(store.block(), TestLocks::table(), FakeClock::clock());
    const auto evict = [&](const TestCache& cache, Victims victims) {
        const Tag hash = cache.hash(key(0));
        return evict_at(block, *block.bucket(hash), hash, victims);
    };
    EXPECT_FALSE(evict(pinned, Victims::kUnpinned));
    EXPECT_TRUE(pinned.has(key(0)));
    EXPECT_TRUE(evict(other, Victims::kUnpinned));
    EXPECT_FALSE(other.has(key(0)));
    EXPECT_TRUE(evict(pinned, Victims::kAny));
    EXPECT_FALSE(pinned.has(key(0)));
}

// --- in a crowd ---

TEST_F(StorePinned, NothingPinnedGoesWhileThreadsCompete) {
    const TestCache pinned(*store, 1, limits(true));
    const TestCache others[] = {{*store, 2}, {*store, 3}};
    put(pinned, 0, 200);
    ASSERT_GT(fill_up(others[0]), 0);
    std::atomic<int> failed = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            const TestCache& mine = t < 2 ? others[t] : pinned;
            std::mt19937 random(t);
            for (int i = 0; i < 400; ++i) {
                const int k = t < 2 ? i : static_cast<int>(random() % 200);
                const std::size_t bytes = t < 2 && i % 9 == 0 ? 9000 : 1000;
                const Options options = {.replace = true};
                const auto result = mine.put(key(k), std::string(bytes, 'w'), kAll, options);
                failed += t == 2 && result != PublishResult::kPublished ? 1 : 0;
            }
        });
    }
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(evictions(pinned), 0U);
    EXPECT_EQ(present(pinned, 0, 200), 200);
}

}  // namespace
}  // namespace cache_ext::core::test
