// What a lookup finds: time, refresh claims, keys, values, fills that came late.
#include <gtest/gtest.h>

#include <string>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const HeldSnapshot kAll = snapshot(100);

class StoreLookup : public testing::Test {
  protected:
    void TearDown() override { EXPECT_TRUE(settled_check(*store)); }

    TestStore store;
    TestCache cache{*store, 5};
};

TEST_F(StoreLookup, ServesAValueUntilTheMillisecondBeforeItExpires) {
    ASSERT_EQ(cache.put("k", "v", kAll, {.expires_at = 2000}), PublishResult::kPublished);
    FakeClock::set(1999);
    EXPECT_EQ(cache.get("k", kAll).value, "v");
    FakeClock::set(2000);
    const Got late = cache.get("k", kAll);
    EXPECT_EQ(late.result, LookupResult::kExpired);
    EXPECT_EQ(late.found.calculated_at, 1000);
    EXPECT_EQ(late.found.expires_at, 2000);
}

// To the millisecond for 24 days, then to the second, never later than asked, and never for good
// unless asked.
TEST_F(StoreLookup, ALifetimeIsNeverLongerThanAsked) {
    const Millis day = 24 * 60 * 60 * 1000, from = 1000;
    for (const Millis life : {Millis{0}, Millis{1}, Millis{999}, 24 * day, 24 * day + 1,
                              Millis{INT32_MAX}, Millis{INT32_MAX} + 1, 25 * day + 999, 365 * day,
                              50000 * day, Millis{INT32_MAX} * 1000 + 5000, Millis{1} << 46}) {
        const Lifetime packed = Lifetime::between(from, from + life);
        EXPECT_FALSE(packed.forever()) << life;
        EXPECT_LE(packed.end(from), from + life);
        EXPECT_GT(packed.end(from),
                  from + std::min(life, 24000 * day) - (life <= 24 * day ? 1 : 1000));
    }
    EXPECT_EQ(Lifetime::between(from, kNever).end(from), kNever);
    // A deadline that has passed before the value was there.
    ASSERT_EQ(cache.put("late", "value", kAll, {.expires_at = 400}), PublishResult::kPublished);
    EXPECT_EQ(cache.get("late", kAll, Detail::kInspect).found.expires_at, 400);
}

TEST_F(StoreLookup, NeverAsksForTheTimeOfAValueThatNeverExpires) {
    ASSERT_EQ(cache.put("k", "v", kAll), PublishResult::kPublished);
    const Clock broken = {[]() -> Millis {
        ADD_FAILURE() << "asked for the time";
        return 0;
    }};
    const Store timeless(store.block(), TestLocks::table(), broken);
    std::uint8_t buffer[8];
    EXPECT_EQ(
        timeless.lookup(cache.index(), cache.view("k"), kAll, {buffer, 8, Detail::kServe}).result,
        LookupResult::kHit);
    FakeClock::set(kNever - 1);
    EXPECT_EQ(cache.get("k", kAll).result, LookupResult::kHit);
}

TEST_F(StoreLookup, ExactlyOneReaderClaimsTheRefresh) {
    ASSERT_EQ(cache.put("k", "v", kAll, {.expires_at = 5000, .refresh_after = 500}),
              PublishResult::kPublished);
    FakeClock::set(1499);
    EXPECT_FALSE(cache.get("k", kAll).found.refresh_due);
    FakeClock::set(1500);
    EXPECT_TRUE(cache.get("k", kAll).found.refresh_due);
    EXPECT_FALSE(cache.get("k", kAll).found.refresh_due);
    EXPECT_EQ(cache.get("k", kAll).value, "v") << "the old value is good until it expires";
}

TEST_F(StoreLookup, AReleasedClaimCanBeClaimedAgainAfterTheDelay) {
    ASSERT_EQ(cache.put("k", "v", kAll, {.refresh_after = 500}), PublishResult::kPublished);
    FakeClock::set(1600);
    EXPECT_TRUE(cache.get("k", kAll).found.refresh_due);
    store->release_refresh_claim(cache.index(), cache.view("k"), 50);
    FakeClock::set(1649);
    EXPECT_FALSE(cache.get("k", kAll).found.refresh_due);
    FakeClock::set(1650);
    EXPECT_TRUE(cache.get("k", kAll).found.refresh_due);
    EXPECT_FALSE(cache.get("k", kAll).found.refresh_due);
    store->release_refresh_claim(cache.index(), cache.view("absent"), 50);
}

TEST_F(StoreLookup, ReleasingWhatNobodyHasClaimedChangesNothing) {
    ASSERT_EQ(cache.put("k", "v", kAll, {.refresh_after = 500}), PublishResult::kPublished);
    store->release_refresh_claim(cache.index(), cache.view("k"), 0);
    EXPECT_FALSE(cache.get("k", kAll).found.refresh_due) << "not earlier";
    FakeClock::set(1600);
    store->release_refresh_claim(cache.index(), cache.view("k"), 1000);
    EXPECT_TRUE(cache.get("k", kAll).found.refresh_due) << "nor later";
}

TEST_F(StoreLookup, ANewFillCanBeClaimedAnew) {
    ASSERT_EQ(cache.put("k", "v", kAll, {.refresh_after = 0}), PublishResult::kPublished);
    EXPECT_TRUE(cache.get("k", kAll).found.refresh_due);
    ASSERT_EQ(cache.put("k", "w", kAll, {.refresh_after = 10, .replace = true}),
              PublishResult::kPublished);
    EXPECT_FALSE(cache.get("k", kAll).found.refresh_due);
    FakeClock::advance(10);
    EXPECT_TRUE(cache.get("k", kAll).found.refresh_due);
}

TEST_F(StoreLookup, ASmallBufferIsToldTheSizeAndLeftAlone) {
    ASSERT_EQ(cache.put("k", "12345678", kAll, {.refresh_after = 0}), PublishResult::kPublished);
    std::uint8_t buffer[8] = {1, 2, 3, 4, 5, 6, 7, 9};
    const Found found =
        store->lookup(cache.index(), cache.view("k"), kAll, {buffer, 7, Detail::kServe});
    EXPECT_EQ(found.result, LookupResult::kTooSmall);
    EXPECT_EQ(found.value_bytes, 8U);
    EXPECT_FALSE(found.refresh_due);
    EXPECT_EQ(buffer[0], 1);
    EXPECT_EQ(cache.get("k", kAll, Detail::kInspect).found.hits, 0U) << "not a use";
    const Found again =
        store->lookup(cache.index(), cache.view("k"), kAll, {buffer, 8, Detail::kServe});
    EXPECT_EQ(again.result, LookupResult::kHit);
    EXPECT_EQ(buffer[7], '8');
}

TEST_F(StoreLookup, NullEmptyAndAbsentAreThreeThings) {
    ASSERT_EQ(cache.put("null", "", kAll, {.is_null = true}), PublishResult::kPublished);
    ASSERT_EQ(cache.put("empty", "", kAll), PublishResult::kPublished);
    ASSERT_EQ(cache.put("", "value of the empty key", kAll), PublishResult::kPublished);
    EXPECT_TRUE(cache.get("null", kAll).found.is_null);
    EXPECT_EQ(cache.get("null", kAll).result, LookupResult::kHit);
    EXPECT_FALSE(cache.get("empty", kAll).found.is_null);
    EXPECT_EQ(cache.get("empty", kAll).result, LookupResult::kHit);
    EXPECT_EQ(cache.get("empty", kAll).found.value_bytes, 0U);
    EXPECT_EQ(cache.get("", kAll).value, "value of the empty key");
    EXPECT_EQ(cache.get("absent", kAll).result, LookupResult::kAbsent);
}

TEST_F(StoreLookup, KeysOfOneHashAreToldApartByTheirBytes) {
    const Tag hash = 12345;
    for (const char* key : {"a", "b", "ab"}) {
        ASSERT_EQ(cache.put(key, std::string("value of ") + key, kAll, {.hash = hash}),
                  PublishResult::kPublished);
    }
    for (const char* key : {"a", "b", "ab"}) {
        EXPECT_EQ(cache.get(key, kAll, Detail::kServe, hash).value, std::string("value of ") + key);
    }
    EXPECT_EQ(cache.peek("c", kAll, hash), LookupResult::kAbsent);
    EXPECT_TRUE(store->remove(cache.index(), cache.view("b", hash)));
    EXPECT_EQ(cache.peek("b", kAll, hash), LookupResult::kAbsent);
    EXPECT_EQ(cache.peek("a", kAll, hash), LookupResult::kHit);
    EXPECT_EQ(cache.peek("ab", kAll, hash), LookupResult::kHit);
}

TEST_F(StoreLookup, KeysOfOneHashInTwoCachesAreTwoKeys) {
    const Tag hash = 12345;
    const TestCache other(*store, 6);
    ASSERT_EQ(cache.put("k", "mine", kAll, {.hash = hash}), PublishResult::kPublished);
    EXPECT_EQ(other.peek("k", kAll, hash), LookupResult::kAbsent);
    ASSERT_EQ(other.put("k", "yours", kAll, {.hash = hash}), PublishResult::kPublished);
    EXPECT_EQ(cache.get("k", kAll, Detail::kServe, hash).value, "mine");
    EXPECT_EQ(other.get("k", kAll, Detail::kServe, hash).value, "yours");
    EXPECT_EQ(store->remove_all(other.index()), 1U);
    EXPECT_EQ(cache.get("k", kAll, Detail::kServe, hash).value, "mine");
}

TEST_F(StoreLookup, InspectingChangesNothing) {
    ASSERT_EQ(cache.put("k", "v", kAll, {.refresh_after = 0}), PublishResult::kPublished);
    const std::string before(reinterpret_cast<char*>(store.block()), store.bytes());
    for (int i = 0; i < 5; ++i) {
        const Got got = cache.get("k", kAll, Detail::kInspect);
        EXPECT_EQ(got.value, "v");
        EXPECT_FALSE(got.found.refresh_due);
        EXPECT_EQ(got.found.hits, 0U);
        EXPECT_EQ(got.found.load_us, 17U);
    }
    EXPECT_TRUE(before == std::string(reinterpret_cast<char*>(store.block()), store.bytes()));
    EXPECT_TRUE(cache.get("k", kAll).found.refresh_due) << "the claim was left to a reader";
}

TEST_F(StoreLookup, InspectingTellsHitsSizeAndTheNewestWriter) {
    cache.write("k", 40);
    cache.write_whole(41);
    cache.write("other", 50);
    ASSERT_EQ(cache.put("k", std::string(1000, 'v'), kAll), PublishResult::kPublished);
    for (int i = 0; i < 7; ++i) EXPECT_EQ(cache.get("k", kAll).result, LookupResult::kHit);
    const Found found = cache.get("k", kAll, Detail::kInspect).found;
    EXPECT_EQ(found.hits, 7U);
    EXPECT_EQ(found.last_writer, 41U);
    EXPECT_EQ(found.gross_bytes, Arena::gross_size(Entry::bytes_for(0, 0, 1, 1000)));
}

TEST_F(StoreLookup, ReturnsTheTagsOfTheEntry) {
    const TestCache other(*store, 6);
    const Tag part = mix(1), key = mix(2);
    ASSERT_EQ(cache.put("k", "v", kAll,
                        {.tags = {{part}, {key, true}, {other.whole(), false, other.index()}}}),
              PublishResult::kPublished);
    const EntryTags tags = cache.get("k", kAll).tags;
    ASSERT_EQ(tags.count, 5U);
    EXPECT_EQ(tags.tag[0], cache.hash("k"));
    EXPECT_TRUE(tags.is_key[0]);
    EXPECT_EQ(tags.tag[1], cache.whole());
    EXPECT_EQ(tags.cache[1], cache.index());
    EXPECT_EQ(tags.tag[2], part);
    EXPECT_FALSE(tags.is_key[2]);
    EXPECT_EQ(tags.cache[2], kNoCache);
    EXPECT_EQ(tags.tag[3], key);
    EXPECT_TRUE(tags.is_key[3]);
    EXPECT_EQ(tags.tag[4], other.whole());
    EXPECT_EQ(tags.cache[4], other.index());
}

TEST_F(StoreLookup, ALoadThatBeganEarlierDoesNotReplaceALaterOne) {
    FakeClock::set(2000);
    ASSERT_EQ(cache.put("k", "first", kAll, {.expires_at = 3000}), PublishResult::kPublished);
    FakeClock::set(1999);
    EXPECT_EQ(cache.put("k", "second", kAll, {.expires_at = 3500}), PublishResult::kSuperseded);
    EXPECT_EQ(cache.get("k", kAll).value, "first");
    EXPECT_EQ(cache.put("k", "forced", kAll, {.expires_at = 2500, .replace = true}),
              PublishResult::kPublished);
    EXPECT_EQ(cache.get("k", kAll).value, "forced");
    FakeClock::set(2001);
    EXPECT_EQ(cache.put("k", "third", kAll, {.expires_at = 2400}), PublishResult::kPublished);
    EXPECT_EQ(cache.get("k", kAll).value, "third") << "its ttl may have become shorter";
}

TEST_F(StoreLookup, AnExpiredEntryIsAlwaysReplaced) {
    ASSERT_EQ(cache.put("k", "first", kAll, {.expires_at = 3000}), PublishResult::kPublished);
    FakeClock::set(3000);
    EXPECT_EQ(cache.put("k", "second", kAll, {.expires_at = 3001}), PublishResult::kPublished);
    EXPECT_EQ(cache.get("k", kAll).value, "second");
}

TEST_F(StoreLookup, ASlowFillUnderAnOldSnapshotDoesNotReplaceANewerValue) {
    cache.write("k", 50);
    const HeldSnapshot old = snapshot(100, {50});
    ASSERT_EQ(cache.put("k", "new", kAll, {.expires_at = 2000}), PublishResult::kPublished);
    EXPECT_EQ(cache.put("k", "old", old, {.expires_at = 9000}), PublishResult::kSuperseded);
    EXPECT_EQ(cache.get("k", kAll).value, "new");
    EXPECT_EQ(cache.get("k", old).result, LookupResult::kContradicted);
}

TEST_F(StoreLookup, AFillReplacesAnEntryThatAWriterHasOutdated) {
    ASSERT_EQ(cache.put("k", "old", kAll, {.expires_at = 9000}), PublishResult::kPublished);
    cache.write("k", 50);
    EXPECT_EQ(cache.get("k", kAll).result, LookupResult::kContradicted);
    EXPECT_EQ(cache.put("k", "new", kAll, {.expires_at = 2000}), PublishResult::kPublished);
    EXPECT_EQ(cache.get("k", kAll).value, "new");
}

TEST_F(StoreLookup, AReplacementKeepsTheFrequencyOfWhatItReplaces) {
    const TestCache small(*store, 6, {3, 0, kNoCache});
    for (const char* key : {"hot", "a", "b"}) {
        ASSERT_EQ(small.put(key, "v", kAll), PublishResult::kPublished);
    }
    for (int i = 0; i < 3; ++i) (void)small.get("hot", kAll);
    ASSERT_EQ(small.put("hot", "w", kAll, {.replace = true}), PublishResult::kPublished);
    for (int i = 0; i < 6; ++i) {
        ASSERT_EQ(small.put("c" + std::to_string(i), "v", kAll), PublishResult::kPublished);
    }
    EXPECT_TRUE(small.has("hot"));
}

}  // namespace
}  // namespace cache_ext::core::test
