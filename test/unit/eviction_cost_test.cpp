// Eviction by cost: what is dear to load stays longer, nothing stays forever, and where all costs
// are the same it is no worse than eviction by use.
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

class EvictionCost : public testing::Test {
  protected:
    void TearDown() override { EXPECT_TRUE(settled_check(*store)); }
    static void put(const TestCache& cache, const std::string& key, std::uint32_t load_us,
                    std::size_t bytes = 100) {
        ASSERT_EQ(cache.put(key, std::string(bytes, 'v'), kAll, {.load_us = load_us}),
                  PublishResult::kPublished);
    }
    static int present(const TestCache& cache, const std::string& prefix, int n) {
        int found = 0;
        for (int i = 0; i < n; ++i) found += cache.has(prefix + std::to_string(i)) ? 1 : 0;
        return found;
    }
    struct Hits {
        int first = 0, second = 0;
    };
    // Asks for 100 keys of either kind, each as often, and loads what is not there.
    static Hits ask(const TestCache& cache, std::uint32_t first_us, std::size_t first_bytes,
                    std::uint32_t second_us, std::size_t second_bytes) {
        std::mt19937_64 random(1);
        Hits hits;
        for (int i = 0; i < 20000; ++i) {
            const bool first = random() % 2 == 0;
            const std::string key = (first ? "a" : "b") + std::to_string(random() % 100);
            if (cache.get(key, kAll).result == LookupResult::kHit) {
                ++(first ? hits.first : hits.second);
            } else {
                put(cache, key, first ? first_us : second_us, first ? first_bytes : second_bytes);
            }
        }
        std::printf("hits: %d and %d of about 10000\n", hits.first, hits.second);
        return hits;
    }

    TestStore store;
};

TEST_F(EvictionCost, WhatIsDearIsHitMoreOftenThanWhatIsCheap) {
    store->set_eviction(Eviction::kCost);
    const TestCache cache(*store, 1, {100, 0, kNoCache});
    const Hits hits = ask(cache, 100000, 100, 1000, 100);
    EXPECT_GT(hits.first, 8000);
    EXPECT_LT(hits.second, 3000);
}

TEST_F(EvictionCost, ByUseTheyFareAlike) {
    const TestCache cache(*store, 1, {100, 0, kNoCache});
    const Hits hits = ask(cache, 100000, 100, 1000, 100);
    EXPECT_NEAR(hits.first, hits.second, 500);
}

TEST_F(EvictionCost, OfTheSameCostTheSmallIsKeptWhereBytesAreScarce) {
    store->set_eviction(Eviction::kCost);
    const TestCache cache(*store, 1, {0, 100000, kNoCache});
    const Hits hits = ask(cache, 1000, 200, 1000, 4000);
    EXPECT_GT(hits.first, 8000);
    EXPECT_LT(hits.second, 2000);
}

TEST_F(EvictionCost, SizeIsNothingWhereEntriesAreScarce) {
    store->set_eviction(Eviction::kCost);
    const TestCache cache(*store, 1, {100, 0, kNoCache});
    const Hits hits = ask(cache, 1000, 200, 1000, 4000);
    EXPECT_NEAR(hits.first, hits.second, 500);
}

TEST_F(EvictionCost, NothingIsSoDearThatItStaysForever) {
    store->set_eviction(Eviction::kCost);
    const TestCache cache(*store, 1, {100, 0, kNoCache});
    for (int i = 0; i < 100; ++i) put(cache, "dear" + std::to_string(i), UINT32_MAX);
    for (int i = 0; i < 50000 && present(cache, "dear", 100) > 0; i += 1000) {
        for (int j = 0; j < 1000; ++j) {
            put(cache, "new" + std::to_string(i + j), 1000);
            (void)cache.get("new" + std::to_string(i + j), kAll);
        }
    }
    EXPECT_EQ(present(cache, "dear", 100), 0);
}

TEST_F(EvictionCost, ItCanBeSwitchedWhileTheCacheIsFull) {
    const TestCache cache(*store, 1, {100, 0, kNoCache});
    std::mt19937_64 random(1);
    for (int i = 0; i < 20000; ++i) {
        if (i % 1000 == 0) {
            store->set_eviction(i % 2000 == 0 ? Eviction::kLru : Eviction::kCost);
        }
        const std::string key = "k" + std::to_string(random() % 400);
        if (cache.get(key, kAll).result == LookupResult::kHit) continue;
        put(cache, key, static_cast<std::uint32_t>(random() >> (32 + random() % 32)));
        ASSERT_LE(cache.control().used_entries, 100U);
    }
    EXPECT_EQ(cache.control().used_entries, 100U);
}

// Popularity by Zipf's law; loads of 0.1, 10 or 1000 ms, whatever the key's rank.
struct Loads {
    double seconds = 0;
    int misses = 0;
};

Loads replay(Eviction by, bool skewed) {
    TestStore store;
    store->set_eviction(by);
    const TestCache cache(*store, 1, {200, 0, kNoCache});
    std::vector<double> cumulative;
    double sum = 0;
    for (int i = 0; i < 2000; ++i) cumulative.push_back(sum += 1 / std::pow(i + 1, 0.9));
    std::mt19937_64 random(7);
    Loads loads;
    for (int i = 0; i < 30000; ++i) {
        const double u = static_cast<double>(random() >> 11) / 9007199254740992.0 * sum;
        const auto rank = std::lower_bound(cumulative.begin(), cumulative.end(), u);
        const auto k = static_cast<std::uint64_t>(rank - cumulative.begin());
        static constexpr std::uint32_t costs[] = {100, 10000, 1000000};
        const std::uint32_t load_us = skewed ? costs[mix(k) % 3] : 5000;
        const std::string key = "k" + std::to_string(k);
        if (cache.get(key, kAll).result == LookupResult::kHit) continue;
        EXPECT_EQ(cache.put(key, "value", kAll, {.load_us = load_us}), PublishResult::kPublished);
        loads.seconds += load_us / 1e6;
        ++loads.misses;
    }
    return loads;
}

TEST(EvictionCostWorkload, SavesLoaderTimeWhereCostsDiffer) {
    const Loads use = replay(Eviction::kLru, true), cost = replay(Eviction::kCost, true);
    std::printf("by use %.0f s, by cost %.0f s\n", use.seconds, cost.seconds);
    EXPECT_LT(cost.seconds, 0.85 * use.seconds);
}

TEST(EvictionCostWorkload, MissesNoMoreWhereTheyDoNot) {
    const Loads use = replay(Eviction::kLru, false), cost = replay(Eviction::kCost, false);
    std::printf("by use %d misses, by cost %d\n", use.misses, cost.misses);
    EXPECT_LT(cost.misses, 1.02 * use.misses);
}

}  // namespace
}  // namespace cache_ext::core::test
