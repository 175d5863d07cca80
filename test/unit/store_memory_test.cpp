// A put never fails while something can be evicted: neither for a value as large as the block, nor
// in a crowd.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "support/sizes.hpp"
#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const HeldSnapshot kAll = snapshot(100);

class StoreMemory : public testing::Test {
  protected:
    void TearDown() override { EXPECT_TRUE(settled_check(*store)); }
    static PublishResult put(const TestCache& cache, int i, std::size_t bytes) {
        return cache.put("k" + std::to_string(i), std::string(bytes, 'v'), kAll);
    }

    TestStore store{Store::min_bytes({8})};
};

TEST_F(StoreMemory, TheLargestValueFitsAnEmptyBlockAndAFullOne) {
    const TestCache cache(*store, 1);
    ASSERT_EQ(put(cache, 0, store->max_value_bytes()), PublishResult::kPublished);
    for (int i = 1; i < 3000; ++i) ASSERT_EQ(put(cache, i, 900), PublishResult::kPublished) << i;
    EXPECT_FALSE(cache.has("k0"));
    const std::uint64_t before = cache.control().live_entries;
    ASSERT_EQ(put(cache, 0, store->max_value_bytes()), PublishResult::kPublished);
    EXPECT_GT(cache.control().live_entries, before / 2) << "it takes a quarter";
}

TEST_F(StoreMemory, MoreThanAQuarterOfTheBlockIsRefusedAndCostsNobodyAnything) {
    const TestCache cache(*store, 1);
    for (int i = 1; i < 3000; ++i) ASSERT_EQ(put(cache, i, 900), PublishResult::kPublished) << i;
    const std::uint64_t before = cache.control().live_entries;
    EXPECT_EQ(put(cache, 0, store->max_entry_bytes()), PublishResult::kOversized);
    const std::string value(store->max_entry_bytes(), 'v');
    EXPECT_EQ(cache.put("big", value, kAll, {.tags = {{mix(1)}}}), PublishResult::kOversized);
    EXPECT_EQ(cache.control().live_entries, before);
}

// The nodes of its tags must not lie in the middle of what was cleared for it.
TEST_F(StoreMemory, WithTagsTheLargestValueFitsAsWell) {
    const TestCache cache(*store, 1);
    const auto* header = reinterpret_cast<const StoreHeader*>(store.block());
    const std::size_t page = header->nodes.page_bytes();
    std::mt19937_64 random(11);
    for (int round = 0; round < 20; ++round) {
        // Holes that pages of nodes will go to, all over the block.
        std::vector<std::string> small;
        store->remove_all(cache.index());
        for (int i = 0; cache.control().counters.totals()[Counter::kEvictions] == 0; ++i) {
            const std::string key = std::to_string(round) + "/" + std::to_string(i);
            if (i % 8 == 0) small.push_back(key);
            const std::size_t bytes = i % 8 == 0 ? page - sizeof(Entry) - key.size() : 300;
            ASSERT_EQ(cache.put(key, std::string(bytes, 'v'), kAll), PublishResult::kPublished);
        }
        cache.control().counters.reset();
        std::shuffle(small.begin(), small.end(), random);
        for (const std::string& key : small) store->remove(cache.index(), cache.view(key));
        Options options;
        // More take more pages than such a small block has beside the largest value.
        for (int t = 0; t < 16; ++t) options.tags.push_back({mix(random())});
        const std::string value(store->max_value_bytes(), 'v');
        EXPECT_EQ(cache.put("big", value, kAll, options), PublishResult::kPublished);
        EXPECT_EQ(cache.get("big", kAll).value, value);
    }
}

// --- overhead ---

TEST_F(StoreMemory, ASmallEntryCostsAtMost96BytesBesidesItsKey) {
    std::size_t sum = 0;
    for (std::size_t bytes = 16; bytes < 32; ++bytes) {
        sum += Arena::gross_size(Entry::bytes_for(0, 0, bytes, 0)) - bytes;
    }
    EXPECT_LE(sum, std::size_t{96} * 16) << "on average over the rounding";
    const TestCache cache(*store, 1);
    ASSERT_EQ(cache.put("k", "value", kAll), PublishResult::kPublished);
    EXPECT_LE(cache.control().used_bytes - 6, 96U);
}

// test/bench/memory has the long run, with the entries' headers counted as overhead.
TEST_F(StoreMemory, NineTenthsOfTheArenaStayInUseWhenTheSizesGrow) {
    TestStore large(std::size_t{16} << 20);
    const TestCache cache(*large, 1);
    std::mt19937_64 random(5);
    for (const double median : {1500.0, 6000.0}) {
        for (int i = 0; i < 20000; ++i) {
            ASSERT_EQ(put(cache, static_cast<int>(random() % 50000), mixed_size(random, median)),
                      PublishResult::kPublished);
        }
        const ArenaStats stats = large->stats().arena;
        const std::uint64_t payload =
            cache.control().live_bytes -
            cache.control().live_entries * (sizeof(Entry) + Arena::kOverhead + Arena::kUnit / 2);
        EXPECT_GT(static_cast<double>(payload), 0.9 * static_cast<double>(stats.capacity))
            << median;
    }
    EXPECT_TRUE(settled_check(*large));
}

// Without them the policy is blind to what comes back; a full block has no free memory for them.
TEST_F(StoreMemory, GhostsGrowWithTheEntriesThoughTheMemoryIsFull) {
    TestStore large(std::size_t{4} << 20);
    const TestCache cache(*large, 1);
    for (int i = 0; i < 100000; ++i) ASSERT_EQ(put(cache, i, 10), PublishResult::kPublished);
    const std::uint64_t entries = cache.control().used_entries;
    ASSERT_GT(entries, 20000U);
    EXPECT_GE(cache.control().queue.ghosts.slot_count, entries / 4);
    EXPECT_LE(cache.control().queue.ghosts.slot_count, entries * 2);
    EXPECT_TRUE(settled_check(*large));
}

TEST_F(StoreMemory, NoThreadsPutFailsWhileOthersEvictAsWell) {
    const TestCache caches[] = {{*store, 1}, {*store, 2}, {*store, 3}};
    const std::size_t half = store->max_value_bytes() / 2;
    std::vector<PublishResult> results;
    std::shared_mutex mutex;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 400; ++i) {
                const PublishResult result = put(caches[t], i, i % 7 == 0 ? half : 400 * t);
                const std::lock_guard guard(mutex);
                results.push_back(result);
            }
        });
    }
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(std::count(results.begin(), results.end(), PublishResult::kPublished),
              static_cast<std::ptrdiff_t>(results.size()));
}

}  // namespace
}  // namespace cache_ext::core::test
