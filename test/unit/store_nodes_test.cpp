// The memory of tags: pages of nodes in a store, and many threads at them.
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const HeldSnapshot kAll = snapshot(Xid{1} << 40);

class StoreNodes : public testing::Test {
  protected:
    void TearDown() override { EXPECT_TRUE(settled_check(*store)); }

    static Tag tag(int i) { return mix(7000 + static_cast<std::uint64_t>(i)); }
    static PublishResult put(const TestCache& cache, int i, std::size_t bytes = 100) {
        return cache.put("k" + std::to_string(i), std::string(bytes, 'v'), kAll,
                         {.tags = {{tag(i)}}});
    }
    void write(const TestCache& cache, int i, Xid xid, const Ended& ended = {}) {
        cache.write_tag(tag(i), TagKind::kPart, xid, ended);
    }

    TestStore store;
    TestCache cache{*store, 1};
};

TEST_F(StoreNodes, ComeAndGoWithTheirEntriesAndLeaveOnePage) {
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(put(cache, i), PublishResult::kPublished);
    EXPECT_EQ(store->stats().nodes, 1000U);
    EXPECT_GT(store->stats().pages, 10U);
    store->remove_all(cache.index());
    EXPECT_EQ(store->stats().nodes, 0U);
    EXPECT_EQ(store->stats().pages, 1U);
    store->release(cache.index(), cache.id());
    EXPECT_EQ(store->stats().pages, 0U);
    EXPECT_EQ(store->stats().arena.allocated_bytes, 0U);
}

// As many nodes as the block can hold, and a large value after that.
TEST_F(StoreNodes, WithAsManyTagsAsFitALargeValueFitsAsWell) {
    for (int i = 0; i < 40000; ++i) ASSERT_EQ(put(cache, i, 1), PublishResult::kPublished);
    ASSERT_GT(cache.control().counters.totals()[Counter::kEvictions], 1000U);
    const std::uint64_t before = cache.control().live_entries;
    EXPECT_EQ(store->stats().nodes, before);
    ASSERT_EQ(cache.put("big", std::string(100000, 'v'), kAll), PublishResult::kPublished);
    EXPECT_GT(cache.control().live_entries, before - 1100) << "about as many as its bytes";
}

// The block is full before the first tag comes, so pages lie anywhere.
TEST_F(StoreNodes, PagesBetweenTheEntriesCostLargeValuesLittle) {
    TestStore large(std::size_t{16} << 20);
    const TestCache full(*large, 2);
    std::mt19937_64 random(1);
    for (int i = 0; i < 20000; ++i) {
        ASSERT_EQ(full.put("u" + std::to_string(i), std::string(500 + random() % 1000, 'v'), kAll),
                  PublishResult::kPublished);
    }
    for (int i = 0; i < 30000; ++i) {
        ASSERT_EQ(put(full, i, 500 + random() % 1000), PublishResult::kPublished);
    }
    ASSERT_GT(large->stats().pages, 50U);
    std::uint64_t most = 0;
    for (int i = 0; i < 50; ++i) {
        for (int j = 0; j < 100; ++j) put(full, i * 100 + j, 500 + random() % 1000);
        full.control().counters.reset();
        ASSERT_EQ(full.put("big" + std::to_string(i), std::string(100000, 'v'), kAll),
                  PublishResult::kPublished);
        most = std::max(most, full.control().counters.totals()[Counter::kEvictions]);
    }
    EXPECT_LT(most, 400U) << "for the memory of some 90";
    EXPECT_TRUE(settled_check(*large));
}

// The other caches are full of tags by then, so no page of theirs may be in the way.
TEST_F(StoreNodes, TheFirstPagesLieAtTheEndOfTheBlock) {
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(put(cache, i), PublishResult::kPublished);
    const auto* header = reinterpret_cast<const StoreHeader*>(store.block());
    const Arena arena(store.block() + header->arena);
    Ref page = header->lowest_page;
    std::uint64_t pages = 0;
    for (; page != kNullRef; page = arena.next_allocation(page), ++pages) {
        ASSERT_EQ(*arena.at<Label>(page), kPageLabel);
    }
    EXPECT_EQ(pages, store->stats().pages);
}

TEST_F(StoreNodes, ThreadsThatComeAndGoWithTagsLeaveNothingBehind) {
    TestStore small(Store::min_bytes({8}));
    const TestCache crowded(*small, 2);
    std::atomic<Xid> next = 1000;
    std::atomic<std::uint64_t> published = 0;
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            std::mt19937_64 random(static_cast<std::uint64_t>(t));
            for (int i = 0; i < 3000; ++i) {
                const int k = static_cast<int>(random() % 200);
                const std::string key = "k" + std::to_string(k);
                switch (random() % 8) {
                    case 0:
                        small->remove(crowded.index(), crowded.view(key));
                        break;
                    case 1:
                    case 2:
                        write(crowded, k % 20, next++, ended_below(next - random() % 5));
                        break;
                    case 3:
                        crowded.get_quietly(key, kAll, Detail::kPeek);
                        break;
                    default:
                        if (put(crowded, k % 20 + (k % 3 == 0 ? k : 0), 50 + random() % 400) ==
                            PublishResult::kPublished) {
                            ++published;
                        }
                }
            }
        });
    }
    for (std::thread& t : threads) t.join();
    EXPECT_GT(published, 1000U);
    EXPECT_TRUE(settled_check(*small));
    small->remove_all(crowded.index());
    EXPECT_TRUE(settled_check(*small));
    EXPECT_EQ(small->stats().nodes, 0U);
    EXPECT_LE(small->stats().pages, 1U);
}

}  // namespace
}  // namespace cache_ext::core::test
