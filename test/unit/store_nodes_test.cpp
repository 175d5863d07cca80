// The memory of tags: pages of nodes and rings in a store, and many threads at them.
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

TEST_F(StoreNodes, AFullRingIsThereForWritersAtOnceOnly) {
    ASSERT_EQ(put(cache, 1), PublishResult::kPublished);
    write(cache, 1, 50);
    write(cache, 1, 51);
    EXPECT_EQ(store->stats().rings, 0U);
    write(cache, 1, 52);
    EXPECT_EQ(store->stats().rings, 1U);
    // One after the other; once all records are used, those who have ended make room.
    Xid x = 60;
    for (; store->stats().rings > 0 && x < 60 + kRingCapacity; ++x) {
        write(cache, 1, x, ended_below(x));
    }
    EXPECT_EQ(store->stats().rings, 0U);
    for (x = 80; x < 83; ++x) write(cache, 1, x, ended_below(80));
    EXPECT_EQ(store->stats().rings, 1U);
    store->remove(cache.index(), cache.view("k1"));
    EXPECT_EQ(store->stats().rings, 0U);
}

TEST_F(StoreNodes, RingsTakeLittleOfTheMemoryWhenManyTagsAreWrittenOften) {
    constexpr int kTags = 2000;
    for (int i = 0; i < kTags; ++i) ASSERT_EQ(put(cache, i), PublishResult::kPublished);
    const std::uint64_t capacity = store->stats().arena.capacity;
    for (Xid x = 100; x < 110; ++x) {
        for (int i = 0; i < kTags; ++i) write(cache, i, x, ended_below(x));
    }
    EXPECT_GT(store->stats().rings, 0U);
    EXPECT_LE(store->stats().rings * sizeof(FullRing), capacity / 200);
    // What is not on record any more is not served either. (A few: each takes two partition locks,
    // shared, in an order that ThreadSanitizer would object to.)
    for (int i = 0; i < kTags; i += 200) {
        const std::string key = "k" + std::to_string(i);
        ASSERT_EQ(cache.peek(key, kAll), LookupResult::kContradicted);
        ASSERT_NE(cache.peek(key, snapshot(104)), LookupResult::kHit);
    }
    // Fills take back the rings that they find idle.
    const std::uint64_t before = store->stats().rings;
    for (int i = 0; i < kTags; ++i) ASSERT_EQ(put(cache, i), PublishResult::kPublished);
    EXPECT_LE(store->stats().rings, before);
    for (int i = 0; i < kTags; i += 200) {
        ASSERT_EQ(cache.peek("k" + std::to_string(i), kAll), LookupResult::kHit);
    }
}

// As many nodes as the block can hold, and a large value after that.
TEST_F(StoreNodes, WithAsManyTagsAsFitALargeValueFitsAsWell) {
    for (int i = 0; i < 40000; ++i) ASSERT_EQ(put(cache, i, 1), PublishResult::kPublished);
    ASSERT_GT(cache.control().counters.totals()[Counter::kEvictions], 1000U);
    const std::uint64_t before = cache.control().live_entries;
    EXPECT_EQ(store->stats().nodes, before);
    ASSERT_EQ(cache.put("big", std::string(100000, 'v'), kAll), PublishResult::kPublished);
    EXPECT_GT(cache.control().live_entries, before * 9 / 10);
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
    EXPECT_EQ(small->stats().rings, 0U);
    EXPECT_LE(small->stats().pages, 2U);
}

}  // namespace
}  // namespace cache_ext::core::test
