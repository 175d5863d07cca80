// A put never fails while something can be evicted: neither for a value as large as the block, nor
// in a crowd.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

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
    ASSERT_EQ(put(cache, 0, store->max_value_bytes()), PublishResult::kPublished);
    EXPECT_EQ(cache.control().live_entries, 1U);
}

// The rings of its own tags may lie in the middle of the block: less than half of it is safe.
TEST_F(StoreMemory, WithTagsAThirdOfTheBlockFits) {
    const TestCache cache(*store, 1);
    for (int i = 1; i < 3000; ++i) ASSERT_EQ(put(cache, i, 900), PublishResult::kPublished) << i;
    const Options options = {.tags = {{mix(1)}, {mix(2)}}};
    for (int i = 0; i < 10; ++i) {
        const std::string key = "big" + std::to_string(i);
        EXPECT_EQ(cache.put(key, std::string(store->max_value_bytes() / 3, 'v'), kAll, options),
                  PublishResult::kPublished);
    }
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
    const std::size_t half = store->max_value_bytes() / 4;
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
