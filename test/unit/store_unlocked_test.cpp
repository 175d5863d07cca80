// Hits without a lock: when they are taken, and that nothing half written is believed.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const Snapshot kAll = {1000, 1000, nullptr, 0};

class StoreUnlocked : public ::testing::Test {
  protected:
    // How many locks such a read takes.
    std::uint64_t locks_of(const std::string& key, Detail detail, const Snapshot& s = kAll,
                           LookupResult expected = LookupResult::kHit) {
        const std::uint64_t before = TestLocks::taken();
        EXPECT_EQ(cache.get_quietly(key, s, detail).result, expected);
        return TestLocks::taken() - before;
    }
    void make_hot(const std::string& key) {
        for (std::uint32_t i = 0; i < kCountedHits; ++i) cache.get(key, kAll);
    }
    std::uint32_t hits(const std::string& key) {
        return cache.get(key, kAll, Detail::kInspect).found.hits;
    }

    TestStore store;
    TestCache cache{*store, 5};
};

TEST_F(StoreUnlocked, AHotEntryIsServedWithoutALock) {
    ASSERT_EQ(cache.put("k", "value", kAll), PublishResult::kPublished);
    EXPECT_EQ(locks_of("k", Detail::kServeQuietly), 1U) << "its uses are still counted";
    make_hot("k");
    EXPECT_EQ(locks_of("k", Detail::kServeQuietly), 0U);
    EXPECT_EQ(locks_of("k", Detail::kServe), 1U);
    EXPECT_EQ(cache.get_quietly("k", kAll, Detail::kServeQuietly).value, "value");
}

TEST_F(StoreUnlocked, PeekingNeedsNoLockAtAll) {
    const Snapshot other = {1000, 1000, nullptr, 0};
    ASSERT_EQ(cache.put("k", "value", kAll, {.tags = {{77}, {78}}}), PublishResult::kPublished);
    EXPECT_EQ(locks_of("k", Detail::kPeek, other), 0U);
    EXPECT_EQ(hits("k"), 0U);
}

TEST_F(StoreUnlocked, WhatHasToBeJudgedTakesTheLock) {
    ASSERT_EQ(cache.put("k", "value", kAll, {.tags = {{77}}}), PublishResult::kPublished);
    make_hot("k");
    const std::uint32_t running[] = {1500};
    const Snapshot blind = {1500, 1501, running, 1};
    EXPECT_EQ(locks_of("k", Detail::kServeQuietly, blind), 0U) << "nothing was written";
    cache.write_tag(77, TagKind::kPart, 1500);
    EXPECT_GT(locks_of("k", Detail::kServeQuietly, blind), 0U);
    const Snapshot sees = {1501, 1501, nullptr, 0};
    EXPECT_GT(locks_of("k", Detail::kServeQuietly, sees, LookupResult::kContradicted), 0U);
}

TEST_F(StoreUnlocked, UsesAreCountedOneByOneAndThenInSamples) {
    ASSERT_EQ(cache.put("k", "value", kAll), PublishResult::kPublished);
    for (std::uint32_t i = 1; i <= kCountedHits; ++i) {
        cache.get_quietly("k", kAll, i % 2 == 0 ? Detail::kServe : Detail::kServeQuietly);
        ASSERT_EQ(hits("k"), i);
    }
    for (int i = 0; i < 5; ++i) cache.get_quietly("k", kAll, Detail::kServeQuietly);
    EXPECT_EQ(hits("k"), kCountedHits);
    cache.get_quietly("k", kAll, Detail::kServe);
    EXPECT_EQ(hits("k"), kCountedHits + kHitSample);
}

TEST_F(StoreUnlocked, WhatTheBytesAreIsSaidWithThem) {
    ASSERT_EQ(cache.put("plain", "value", kAll), PublishResult::kPublished);
    ASSERT_EQ(cache.put("packed", "value", kAll, {.packed = true}), PublishResult::kPublished);
    for (const Detail detail : {Detail::kPeek, Detail::kServe}) {
        EXPECT_TRUE(cache.get_quietly("packed", kAll, detail).found.packed);
        EXPECT_FALSE(cache.get_quietly("plain", kAll, detail).found.packed);
    }
}

TEST_F(StoreUnlocked, AnExpiredEntryIsNotServed) {
    FakeClock::set(1000);
    ASSERT_EQ(cache.put("k", "value", kAll, {.expires_at = 2000}), PublishResult::kPublished);
    make_hot("k");
    EXPECT_EQ(locks_of("k", Detail::kServeQuietly), 0U);
    FakeClock::set(2000);
    EXPECT_EQ(locks_of("k", Detail::kServeQuietly, kAll, LookupResult::kExpired), 1U);
}

TEST_F(StoreUnlocked, ARefreshIsClaimedOnceAndThenLockless) {
    FakeClock::set(1000);
    ASSERT_EQ(cache.put("k", "value", kAll, {.refresh_after = 10}), PublishResult::kPublished);
    make_hot("k");
    FakeClock::set(1010);
    EXPECT_TRUE(cache.get_quietly("k", kAll, Detail::kServeQuietly).found.refresh_due);
    EXPECT_EQ(locks_of("k", Detail::kServeQuietly), 0U);
}

TEST_F(StoreUnlocked, APartitionThatIsBeingWrittenIsWaitedFor) {
    ASSERT_EQ(cache.put("k", "value", kAll), PublishResult::kPublished);
    make_hot("k");
    std::atomic<bool> locked{false}, release{false};
    std::thread writer([&] {
        const Block block(store.block(), TestLocks::table(), FakeClock::clock());
        const PartitionWriter guard(block, partition_of(cache.hash("k")));
        locked = true;
        while (!release) std::this_thread::yield();
    });
    while (!locked) std::this_thread::yield();
    std::atomic<bool> served{false};
    std::thread reader([&] {
        cache.get_quietly("k", kAll, Detail::kServeQuietly);
        served = true;
    });
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    EXPECT_FALSE(served);
    release = true;
    reader.join();
    writer.join();
    EXPECT_TRUE(served);
}

TEST_F(StoreUnlocked, PrefetchingTakesNoLockAndLeavesNoTrace) {
    ASSERT_EQ(cache.put("k", "value", kAll), PublishResult::kPublished);
    const std::vector<std::byte> before(store.block(), store.block() + store.bytes());
    const std::uint64_t locks = TestLocks::taken();
    for (const char* key : {"k", "absent"}) {
        store->prefetch(cache.hash(key));
        for (std::uint32_t bytes : {0U, 5U, UINT32_MAX}) store->prefetch(cache.hash(key), bytes);
    }
    EXPECT_EQ(TestLocks::taken(), locks);
    EXPECT_EQ(std::memcmp(before.data(), store.block(), before.size()), 0);
}

// One thread replaces two values of the same size over and over, in memory that a third is freed
// from and given to again; the others must see only whole values of the right key.
TEST_F(StoreUnlocked, ATornValueIsNeverServed) {
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> wrong{0}, right{0};
    const auto read = [&](const std::string& key, const std::string& letters) {
        while (!stop) {
            store->prefetch(cache.hash(key));
            store->prefetch(cache.hash(key), 3000);
            const Got got = cache.get_quietly(key, kAll, Detail::kPeek);
            if (got.result != LookupResult::kHit) continue;
            (is_whole(got.value, letters) ? right : wrong)++;
        }
    };
    std::thread a(read, "a", "AB"), b(read, "b", "CD");
    churn(*store, cache);
    stop = true;
    a.join();
    b.join();
    EXPECT_EQ(wrong, 0U);
    EXPECT_GT(right, 100U);
}

}  // namespace
}  // namespace cache_ext::core::test
