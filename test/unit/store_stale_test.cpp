// Old values that a cache allows to be served while one refresh runs, and what a load finds in its
// place.
#include <gtest/gtest.h>

#include <tuple>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const Snapshot kAll = {1000, 1000, nullptr, 0};
const Snapshot kLater = {2000, 2000, nullptr, 0};

class StoreStale : public ::testing::Test {
  protected:
    StoreStale() {
        FakeClock::set(10000);
        store->set_limits(cache.index(), {0, 0, kNoCache, 100});
    }
    Found read(const Snapshot& s, bool allow_stale = true) {
        std::uint8_t buffer[64];
        return store->lookup(cache.index(), cache.view("k"), s,
                             {buffer, sizeof(buffer), Detail::kServeQuietly,
                              allow_stale ? OldValues::kStale : OldValues::kNone});
    }

    TestStore store;
    TestCache cache{*store, 5};
};

TEST_F(StoreStale, AnExpiredValueIsServedForAsLongAsTheCacheAllows) {
    ASSERT_EQ(cache.put("k", "old", kAll, {.expires_at = 10050}), PublishResult::kPublished);
    FakeClock::set(10049);
    EXPECT_EQ(read(kAll).result, LookupResult::kHit);
    FakeClock::set(10149);
    EXPECT_EQ(read(kAll, false).result, LookupResult::kExpired);
    const Found first = read(kAll);
    EXPECT_EQ(first.result, LookupResult::kStale);
    EXPECT_TRUE(first.refresh_due);
    EXPECT_FALSE(read(kAll).refresh_due) << "one refresh, whoever reads";
    FakeClock::set(10150);
    EXPECT_EQ(read(kAll).result, LookupResult::kExpired);
}

TEST_F(StoreStale, ARefreshThatWasPutOffIsNotAskedForByEveryReader) {
    ASSERT_EQ(cache.put("k", "old", kAll), PublishResult::kPublished);
    cache.write("k", 1500);
    EXPECT_TRUE(read(kLater).refresh_due);
    store->release_refresh_claim(cache.index(), cache.view("k"), 20);
    const Found next = read(kLater);
    EXPECT_EQ(next.result, LookupResult::kStale);
    EXPECT_FALSE(next.refresh_due) << "it would take the partition's lock for each of them";
    FakeClock::advance(20);
    EXPECT_TRUE(read(kLater).refresh_due);
}

TEST_F(StoreStale, TheSweepLeavesWhatMayStillBeServed) {
    ASSERT_EQ(cache.put("k", "old", kAll, {.expires_at = 10050}), PublishResult::kPublished);
    const auto sweep = [&] {
        std::uint32_t cursor = 0;
        return store->sweep(partition_of(cache.hash("k")), &cursor, 1000000);
    };
    FakeClock::set(10149);
    EXPECT_EQ(sweep(), 0U);
    FakeClock::set(10150);
    EXPECT_EQ(sweep(), 1U);
}

TEST_F(StoreStale, AnInvalidatedValueIsServedSinceItsFirstUnknownWriter) {
    ASSERT_EQ(cache.put("k", "old", kAll, {.tags = {{77}}}), PublishResult::kPublished);
    FakeClock::set(10010);
    cache.write("k", 1500);
    FakeClock::set(10060);
    cache.write_tag(77, TagKind::kPart, 1501);
    EXPECT_EQ(read(kAll).result, LookupResult::kHit) << "it sees neither";
    FakeClock::set(10109);
    EXPECT_EQ(read(kLater).result, LookupResult::kStale);
    FakeClock::set(10110);
    EXPECT_EQ(read(kLater).result, LookupResult::kContradicted);
}

TEST_F(StoreStale, ANewerValueIsNotAStaleOne) {
    cache.write("k", 1500);
    ASSERT_EQ(cache.put("k", "new", kLater), PublishResult::kPublished);
    EXPECT_EQ(read(kAll).result, LookupResult::kContradicted);
}

TEST_F(StoreStale, WhatAHardWriterSpeaksAgainstIsGone) {
    ASSERT_EQ(cache.put("k", "old", kAll), PublishResult::kPublished);
    cache.write_whole(1500, true);
    EXPECT_EQ(read(kLater).result, LookupResult::kContradicted);
    EXPECT_EQ(read(kAll).result, LookupResult::kUnusable);
}

// A ring forgets its older records; what they said of a value must not be forgotten with them.
class StoreStaleForgetful : public StoreStale,
                            public ::testing::WithParamInterface<std::tuple<TagKind, bool>> {
  protected:
    // One writer every 10 ms, each after the one before has ended, or all still running.
    void write_much() {
        const auto [kind, ended] = GetParam();
        const Tag tag = kind == TagKind::kWhole ? cache.whole() : 77;
        for (Xid xid = 1501; xid < 1541; ++xid) {
            FakeClock::advance(10);
            store->register_writer({tag, kind, false, cache.index()}, xid,
                                   ended ? ended_below(xid) : Ended{});
        }
    }
};

TEST_P(StoreStaleForgetful, ForgottenWritersCountFromTheTimeOfTheValue) {
    ASSERT_EQ(cache.put("k", "old", kAll, {.tags = {{77}}}), PublishResult::kPublished);
    write_much();
    EXPECT_EQ(read(kLater).result, LookupResult::kContradicted)
        << "old for 390 ms, 100 are allowed";
    store->set_limits(cache.index(), {0, 0, kNoCache, 401});
    EXPECT_EQ(read(kLater).result, LookupResult::kStale) << "it is younger than that";
}

TEST_P(StoreStaleForgetful, AForgottenHardWriterStillSpeaksAgainstIt) {
    ASSERT_EQ(cache.put("k", "old", kAll, {.tags = {{77}}}), PublishResult::kPublished);
    cache.write_whole(1500, true);
    store->set_limits(cache.index(), {0, 0, kNoCache, 1000000});
    write_much();
    EXPECT_EQ(read(kLater).result, LookupResult::kContradicted);
}

INSTANTIATE_TEST_SUITE_P(Rings, StoreStaleForgetful,
                         ::testing::Combine(::testing::Values(TagKind::kWhole, TagKind::kPart),
                                            ::testing::Bool()));

TEST_F(StoreStale, WithoutStaleForNothingIsServedTwice) {
    store->set_limits(cache.index(), {0, 0, kNoCache, 0});
    ASSERT_EQ(cache.put("k", "old", kAll, {.expires_at = 10050}), PublishResult::kPublished);
    FakeClock::set(10050);
    EXPECT_EQ(read(kAll).result, LookupResult::kExpired);
}

TEST_F(StoreStale, ALoadFindsItsPredecessor) {
    const auto* old = reinterpret_cast<const std::uint8_t*>("old");
    const auto find = [&](std::uint32_t size, bool is_null = false) {
        return store->predecessor(cache.index(), cache.view("k"), {old, size, is_null});
    };
    EXPECT_FALSE(find(3).known);
    ASSERT_EQ(cache.put("k", "old", kAll, {.expires_at = 10050}), PublishResult::kPublished);
    EXPECT_TRUE(find(3).known);
    EXPECT_TRUE(find(3).same);
    EXPECT_TRUE(find(3).unwritten);
    EXPECT_EQ(find(3).ttl, 50);
    EXPECT_FALSE(find(2).same);
    EXPECT_FALSE(find(0, true).same);
    FakeClock::set(10100);
    EXPECT_TRUE(find(3).known) << "expired or not";
    cache.write("k", 1500);
    EXPECT_FALSE(find(3).unwritten);
}

}  // namespace
}  // namespace cache_ext::core::test
