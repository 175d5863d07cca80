// Budgets that are full, shared, changed; and what a refresh costs in one.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const HeldSnapshot kAll = snapshot(100);

using Numbers = std::vector<int>;

class StoreBudget : public testing::Test {
  protected:
    void TearDown() override { EXPECT_TRUE(settled_check(*store)); }

    static std::string key(int i) { return "k" + std::to_string(i); }
    static void put(const TestCache& cache, int from, int to, std::size_t bytes = 10) {
        for (int i = from; i < to; ++i) {
            ASSERT_EQ(cache.put(key(i), std::string(bytes, 'v'), kAll), PublishResult::kPublished);
        }
    }
    static void refresh(const TestCache& cache, int i, std::size_t bytes = 10) {
        ASSERT_EQ(cache.put(key(i), std::string(bytes, 'w'), kAll, {.replace = true}),
                  PublishResult::kPublished);
    }
    static void read(const TestCache& cache, int i) {
        ASSERT_EQ(cache.get(key(i), kAll).result, LookupResult::kHit) << i;
    }
    static Numbers present(const TestCache& cache, int from, int to) {
        Numbers found;
        for (int i = from; i < to; ++i) {
            if (cache.has(key(i))) found.push_back(i);
        }
        return found;
    }
    static std::uint64_t evictions(const TestCache& cache) {
        return cache.control().counters.totals()[Counter::kEvictions];
    }

    TestStore store;
};

// --- refreshing ---

TEST_F(StoreBudget, ARefreshInAFullBudgetCostsNobodyItsPlace) {
    const TestCache cache(*store, 1, {10, 0, kNoCache});
    put(cache, 0, 10);
    for (int i = 0; i < 10; ++i) refresh(cache, i);
    EXPECT_EQ(present(cache, 0, 10).size(), 10U);
    EXPECT_EQ(evictions(cache), 0U);
}

TEST_F(StoreBudget, NorInABudgetOfBytesUnlessTheValueHasGrown) {
    const std::uint64_t each = Arena::gross_size(Entry::bytes_for(0, 0, 2, 1000));
    const TestCache cache(*store, 1, {0, 10 * each, kNoCache});
    put(cache, 0, 10, 1000);
    for (int i = 0; i < 10; ++i) refresh(cache, i, 1000);
    EXPECT_EQ(present(cache, 0, 10).size(), 10U);
    refresh(cache, 5, 1500);
    EXPECT_EQ(present(cache, 0, 10), (Numbers{1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(StoreBudget, ARefreshedEntryKeepsTheHitsThatSaveIt) {
    const TestCache cache(*store, 1, {100, 0, kNoCache});
    put(cache, 0, 100);
    read(cache, 0);
    refresh(cache, 0);
    put(cache, 100, 250);
    EXPECT_TRUE(cache.has(key(0)));
    EXPECT_FALSE(cache.has(key(1)));
}

TEST_F(StoreBudget, ARefreshedEntryKeepsItsQueueAndItsPlaceInIt) {
    const TestCache cache(*store, 1, {100, 0, kNoCache});
    put(cache, 0, 100);
    for (int i = 0; i < 50; ++i) read(cache, i);
    put(cache, 1000, 1100);  // the 50 are in the main queue now
    ASSERT_EQ(cache.control().queue.main.count, 50U);
    for (int i = 0; i < 50; ++i) refresh(cache, i);
    EXPECT_EQ(cache.control().queue.main.count, 50U);
    for (int i = 1050; i < 1100; i += 2) refresh(cache, i);
    EXPECT_EQ(cache.control().queue.main.count, 50U);
    put(cache, 2000, 2025);
    Numbers wanted;
    for (int i = 1075; i < 1100; ++i) wanted.push_back(i);
    EXPECT_EQ(present(cache, 1000, 1100), wanted) << "oldest first, refreshed or not";
    EXPECT_EQ(present(cache, 0, 100).size(), 50U);
}

// Somebody asked for it, or it would not have been loaded again.
TEST_F(StoreBudget, AnEntryThatIsLoadedAgainHasBeenUsed) {
    const TestCache cache(*store, 1, {100, 0, kNoCache});
    put(cache, 0, 100);
    FakeClock::advance(1);
    cache.write(key(0), 50, ended_below(60));
    ASSERT_EQ(cache.get(key(0), snapshot(100)).result, LookupResult::kContradicted);
    ASSERT_EQ(cache.put(key(0), "new", kAll), PublishResult::kPublished);
    put(cache, 100, 250);
    EXPECT_EQ(present(cache, 0, 2), Numbers{0});
}

TEST_F(StoreBudget, ALoadThatIsNotPublishedCostsNobodyItsPlace) {
    const TestCache cache(*store, 1, {10, 0, kNoCache});
    put(cache, 0, 10);
    cache.write(key(3), 50);
    EXPECT_EQ(cache.put(key(3), "seen", kAll), PublishResult::kPublished);
    EXPECT_EQ(cache.put(key(3), "blind", snapshot(100, {50})), PublishResult::kSuperseded);
    cache.write(key(4), 150);
    cache.write(key(4), 151);
    cache.write(key(4), 152);
    EXPECT_EQ(cache.put(key(4), "blind", kAll), PublishResult::kUnseenWriters);
    EXPECT_EQ(present(cache, 0, 10).size(), 10U);
    EXPECT_EQ(evictions(cache), 0U);
}

// --- limits that change ---

TEST_F(StoreBudget, ASmallerLimitHoldsFromTheNextEntryOn) {
    const TestCache cache(*store, 1, {50, 0, kNoCache});
    put(cache, 0, 50);
    store->set_limits(cache.index(), {10, 0, kNoCache});
    put(cache, 50, 51);
    EXPECT_EQ(cache.control().used_entries, 10U);
    EXPECT_TRUE(cache.has(key(50)));
}

TEST_F(StoreBudget, ACacheThatMovesToAnotherBudgetTakesItsEntriesAlongOneByOne) {
    const TestCache cache(*store, 1, {10, 0, kNoCache}), host(*store, 2, {10, 0, kNoCache});
    put(cache, 0, 10);
    store->set_limits(cache.index(), {10, 0, host.index()});
    refresh(cache, 3);
    EXPECT_EQ(cache.get(key(3), kAll).value, std::string(10, 'w'));
    EXPECT_EQ(host.control().used_entries, 1U);
    put(cache, 10, 15);
    EXPECT_EQ(host.control().used_entries, 6U);
    EXPECT_EQ(cache.control().live_entries, 15U);
    EXPECT_EQ(store->remove_all(cache.index()), 15U);
    EXPECT_EQ(cache.control().used_entries, 0U);
    EXPECT_EQ(host.control().used_entries, 0U);
}

// --- who goes, where store_eviction_test does not say ---

TEST_F(StoreBudget, EveryHitIsASecondChanceUpToThree) {
    const TestCache cache(*store, 1, {4, 0, kNoCache});
    put(cache, 0, 4);
    for (int i = 0; i < 10; ++i) read(cache, 0);
    read(cache, 1);
    put(cache, 4, 6);
    EXPECT_EQ(present(cache, 0, 6), (Numbers{0, 1, 4, 5}));
    put(cache, 6, 7);  // 1 has used its chance
    EXPECT_EQ(present(cache, 0, 7), (Numbers{0, 4, 5, 6}));
    put(cache, 7, 12);
    EXPECT_EQ(present(cache, 0, 12), (Numbers{0, 9, 10, 11}));
    put(cache, 12, 13);
    EXPECT_EQ(present(cache, 0, 13), (Numbers{9, 10, 11, 12}));
}

TEST_F(StoreBudget, AScanPassesThroughTheSmallQueue) {
    const TestCache cache(*store, 1, {100, 0, kNoCache});
    put(cache, 0, 100);
    Numbers wanted;
    for (int i = 0; i < 50; ++i) {
        read(cache, i);
        wanted.push_back(i);
    }
    put(cache, 1000, 1100);  // promotes them on its way
    put(cache, 2000, 2500);
    EXPECT_EQ(present(cache, 0, 100), wanted);
    EXPECT_EQ(cache.control().queue.main.count, 50U);
}

// However often they were read, one of them goes.
TEST_F(StoreBudget, AFullBudgetOfHotEntriesStillTakesANewcomer) {
    const TestCache cache(*store, 1, {2000, 0, kNoCache});
    put(cache, 0, 2000);
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 2000; ++i) read(cache, i);
    }
    put(cache, 2000, 2001);
    EXPECT_TRUE(cache.has(key(2000)));
    EXPECT_EQ(cache.control().used_entries, 2000U);
}

}  // namespace
}  // namespace cache_ext::core::test
