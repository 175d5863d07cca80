// Who goes when there is no room: budgets, memory, and the victims by name.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const HeldSnapshot kAll = snapshot(100);

std::string name(const std::string& prefix, int i) {
    return prefix + std::to_string(i);
}

class StoreEviction : public testing::Test {
  protected:
    void TearDown() override { EXPECT_TRUE(settled_check(*store)); }
    static void put(const TestCache& cache, const std::string& key, std::size_t bytes = 100) {
        ASSERT_EQ(cache.put(key, std::string(bytes, 'v'), kAll), PublishResult::kPublished);
    }
    static void put_many(const TestCache& cache, const std::string& prefix, int n) {
        for (int i = 0; i < n; ++i) put(cache, name(prefix, i));
    }
    static std::uint64_t evictions(const TestCache& cache) {
        return cache.control().counters.totals()[Counter::kEvictions];
    }

    TestStore store;
};

TEST_F(StoreEviction, ABudgetOfEntriesIsNeverExceeded) {
    const TestCache cache(*store, 1, {10, 0, kNoCache});
    for (int i = 0; i < 100; ++i) {
        put(cache, name("k", i));
        EXPECT_EQ(cache.control().used_entries, std::min<std::uint64_t>(i + 1, 10));
    }
    EXPECT_EQ(evictions(cache), 90U);
}

TEST_F(StoreEviction, ABudgetOfBytesIsChargedGrossAndNeverExceeded) {
    const TestCache cache(*store, 1, {0, 20000, kNoCache});
    std::mt19937 random(1);
    for (int i = 0; i < 500; ++i) {
        const std::size_t bytes = random() % 3000;
        const std::uint64_t before = evictions(cache), used = cache.control().used_bytes;
        put(cache, name("k", i), bytes);
        EXPECT_LE(cache.control().used_bytes, 20000U);
        if (evictions(cache) == before) {
            EXPECT_EQ(cache.control().used_bytes - used,
                      Arena::gross_size(Entry::bytes_for(0, 0, name("k", i).size(), bytes)));
        }
    }
    EXPECT_GT(evictions(cache), 100U);
}

TEST_F(StoreEviction, ASharedBudgetIsSharedByAllThatNameIt) {
    const TestCache owner(*store, 1, {10, 0, kNoCache});
    const TestCache guest(*store, 2, {0, 0, owner.index()});
    put_many(owner, "o", 10);
    put_many(guest, "g", 4);
    EXPECT_EQ(owner.control().used_entries, 10U);
    EXPECT_EQ(guest.control().used_entries, 0U);
    EXPECT_EQ(owner.control().live_entries, 6U);
    EXPECT_EQ(guest.control().live_entries, 4U);
    EXPECT_EQ(evictions(owner), 4U) << "counted for the cache that lost an entry";
    EXPECT_EQ(evictions(guest), 0U);
}

TEST_F(StoreEviction, WhatCanNeverFitIsRefusedAndCostsNobodyAnything) {
    const TestCache cache(*store, 1, {0, 20000, kNoCache}), free(*store, 2);
    put_many(cache, "k", 50);
    put_many(free, "k", 50);
    EXPECT_EQ(cache.put("big", std::string(20000, 'v'), kAll), PublishResult::kOversized);
    EXPECT_EQ(free.put("big", std::string(store->max_value_bytes() + kMaxKeyBytes * 2, 'v'), kAll),
              PublishResult::kOversized);
    EXPECT_EQ(evictions(cache) + evictions(free), 0U);
    EXPECT_EQ(cache.control().live_entries, 50U);
    EXPECT_EQ(free.control().live_entries, 50U);
}

TEST_F(StoreEviction, ReplacingAValueInAFullBudgetKeepsItWithinBounds) {
    const TestCache cache(*store, 1, {4, 0, kNoCache});
    put_many(cache, "k", 4);
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(cache.put("k3", std::string(10 * i, 'w'), kAll, {.replace = true}),
                  PublishResult::kPublished);
        EXPECT_LE(cache.control().used_entries, 4U);
    }
    EXPECT_TRUE(cache.has("k3"));
}

TEST_F(StoreEviction, APutNeverFailsWhileSomethingCanBeEvicted) {
    TestStore small(Store::min_bytes({8}));
    const TestCache a(*small, 1), b(*small, 2);
    std::mt19937_64 random(7);
    std::lognormal_distribution<double> sizes(std::log(3000.0), 1.2);
    for (int i = 0; i < 20000; ++i) {
        const auto most = static_cast<double>(small->max_value_bytes() / 4);
        const auto bytes = static_cast<std::size_t>(std::min(sizes(random), most));
        const TestCache& cache = random() % 3 == 0 ? a : b;
        const std::string key = name("k", static_cast<int>(random() % 500));
        Options options = {.replace = true};
        if (random() % 2 == 0) options.tags = {{mix(random() % 50)}, {mix(random() % 50)}};
        ASSERT_EQ(cache.put(key, std::string(bytes, 'v'), kAll, options), PublishResult::kPublished)
            << i << ": " << bytes;
        if (random() % 4 == 0) (void)cache.get(name("k", static_cast<int>(random() % 500)), kAll);
    }
    EXPECT_GT(evictions(a) + evictions(b), 1000U);
    EXPECT_TRUE(settled_check(*small));
}

TEST_F(StoreEviction, TheHeaviestBudgetPaysWhenTheMemoryIsFull) {
    TestStore small(Store::min_bytes({8}));
    const TestCache light(*small, 1), heavy(*small, 2);
    put_many(light, "k", 20);
    int i = 0;
    while (evictions(heavy) == 0) put(heavy, name("k", i++), 3000);
    for (int j = 0; j < 10; ++j) put(light, name("new", j), 2000);
    EXPECT_EQ(evictions(light), 0U);
    EXPECT_EQ(light.control().live_entries, 30U);
    EXPECT_GT(evictions(heavy), 5U);
    EXPECT_TRUE(settled_check(*small));
}

TEST_F(StoreEviction, FewEntriesGoRoundAClock) {
    const TestCache cache(*store, 1, {4, 0, kNoCache});
    put_many(cache, "k", 4);
    (void)cache.get("k0", kAll);
    (void)cache.get("k2", kAll);
    (void)cache.get("k2", kAll);
    put(cache, "new0");  // passes k0, takes k1
    EXPECT_TRUE(cache.has("k0"));
    EXPECT_FALSE(cache.has("k1"));
    put(cache, "new1");  // passes k2, takes k3
    EXPECT_TRUE(cache.has("k2"));
    EXPECT_FALSE(cache.has("k3"));
    put(cache, "new2");  // k0 has used up its chance
    EXPECT_FALSE(cache.has("k0"));
    EXPECT_TRUE(cache.has("new0"));
    EXPECT_TRUE(cache.has("k2"));
}

TEST_F(StoreEviction, InspectingSavesNobody) {
    const TestCache cache(*store, 1, {2, 0, kNoCache});
    put_many(cache, "k", 2);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(cache.has("k0"));
    put(cache, "new");
    EXPECT_FALSE(cache.has("k0"));
    EXPECT_TRUE(cache.has("k1"));
}

TEST_F(StoreEviction, UnreadNewcomersGoBeforeWhatWasReadOnce) {
    const TestCache cache(*store, 1, {100, 0, kNoCache});
    put_many(cache, "k", 100);
    for (int i = 0; i < 20; ++i) (void)cache.get(name("k", i), kAll);
    put_many(cache, "scan", 500);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(cache.has(name("k", i))) << i;
    for (int i = 20; i < 100; ++i) EXPECT_FALSE(cache.has(name("k", i))) << i;
    EXPECT_TRUE(cache.has("scan499"));
}

TEST_F(StoreEviction, AReturningVictimIsTakenForOneThatIsUsed) {
    const TestCache cache(*store, 1, {100, 0, kNoCache});
    put_many(cache, "k", 100);
    put_many(cache, "more", 10);  // from the first eviction on ghosts are kept
    ASSERT_TRUE(cache.has("k20"));
    put_many(cache, "again", 20);
    ASSERT_FALSE(cache.has("k20"));
    put(cache, "k20");
    put_many(cache, "scan", 300);
    EXPECT_TRUE(cache.has("k20"));
    EXPECT_FALSE(cache.has("scan0"));
}

TEST_F(StoreEviction, ALargeValueCostsAboutAsManyBytesAsItNeeds) {
    const TestCache a(*store, 1), b(*store, 2);
    std::mt19937 random(3);
    for (int i = 0; evictions(a) + evictions(b) < 20000; ++i) {
        put(random() % 2 == 0 ? a : b, name("k", static_cast<int>(random() % 20000)),
            200 + random() % 800);
    }
    std::uint64_t most = 0;
    for (int i = 0; i < 20; ++i) {
        const std::uint64_t before = evictions(a) + evictions(b);
        put(a, name("big", i), 100000);
        most = std::max(most, evictions(a) + evictions(b) - before);
        EXPECT_TRUE(a.has(name("big", i)));
        put(a, name("k", 30000 + i), 100);
    }
    EXPECT_LT(most, 400U) << "of about 700 bytes each";
}

TEST_F(StoreEviction, WhatLiesBesideAVictimGoesWhoseverItIs) {
    TestStore small(Store::min_bytes({8}));
    const TestCache light(*small, 1), heavy(*small, 2);
    for (int i = 0; evictions(heavy) == 0; ++i) {
        put(heavy, name("k", i), 400);
        if (i % 4 == 0 && evictions(heavy) == 0) put(light, name("k", i), 400);
    }
    const std::uint64_t before = evictions(light);
    put(heavy, "big", 15000);
    EXPECT_GT(evictions(light), before);
    EXPECT_EQ(light.control().used_entries, light.control().live_entries);
    EXPECT_TRUE(settled_check(*small));
}

}  // namespace
}  // namespace cache_ext::core::test
