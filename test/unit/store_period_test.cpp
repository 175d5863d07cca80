// Values that hold for readers of certain times only.
#include <gtest/gtest.h>

#include <string>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const Snapshot kAll = {1000, 1000, nullptr, 0};
const Snapshot kLater = {2000, 2000, nullptr, 0};
constexpr Millis kSince = 9000, kUntil = 20000;
constexpr Period kPeriod = {kSince * 1000, kUntil * 1000};

class StorePeriod : public ::testing::Test {
  protected:
    StorePeriod() { FakeClock::set(10000); }
    // Every way to read: counted and not, copied and held, with a lock and without.
    LookupResult read(bool allow_stale = false) {
        const LookupResult result = cache.get("k", kAll, Detail::kInspect).result;
        EXPECT_EQ(cache.get("k", kAll).result, result);
        EXPECT_EQ(cache.get_quietly("k", kAll, Detail::kServeQuietly).result, result);
        EXPECT_EQ(cache.get_quietly("k", kAll, Detail::kPeek).result, result);
        Ref* hazard = store->hazards(0);
        const Found held = cache.hold("k", kAll, hazard, nullptr, allow_stale);
        if (held.held != nullptr) Store::let_go(hazard);
        return held.result;
    }
    void make_hot() {
        for (std::uint32_t i = 0; i < kCountedHits; ++i) cache.get("k", kAll);
    }
    void put(Millis expires_at = kUntil, const std::string& value = "value") {
        ASSERT_EQ(cache.put("k", value, kAll, {.expires_at = expires_at, .period = kPeriod}),
                  PublishResult::kPublished);
    }
    void at(Millis now, Millis reader) {
        FakeClock::set(now);
        FakeClock::reader = reader;
    }

    TestStore store;
    TestCache cache{*store, 5};
};

TEST_F(StorePeriod, TheReadersTransactionCounts) {
    for (const char* value : {"", "v", "a value of 24 bytes, no?", "and one of some more bytes"}) {
        put(kNever, value);
        make_hot();
        at(10000, kSince - 1);
        EXPECT_EQ(read(), LookupResult::kNotYet) << "it began before";
        at(10000, kSince);
        EXPECT_EQ(read(), LookupResult::kHit);
        EXPECT_EQ(cache.get("k", kAll).value, value);
        at(kUntil - 1, kUntil - 1);
        EXPECT_EQ(read(), LookupResult::kHit);
        at(kUntil - 1, kUntil);
        EXPECT_EQ(read(), LookupResult::kExpired) << "although the coarse clock is behind";
        at(10000, kNever);
        store->remove(cache.index(), cache.view("k"));
    }
}

TEST_F(StorePeriod, ItNeedsNoLock) {
    put();
    make_hot();
    const std::uint64_t before = TestLocks::taken();
    EXPECT_EQ(cache.get_quietly("k", kAll, Detail::kServeQuietly).result, LookupResult::kHit);
    EXPECT_EQ(TestLocks::taken(), before);
}

TEST_F(StorePeriod, NothingIsStaleBeyondIt) {
    store->set_limits(cache.index(), {0, 0, kNoCache, 1000000});
    put(11000);
    at(12000, kNever);
    EXPECT_EQ(cache.hold("k", kAll, store->hazards(0), nullptr, true).result, LookupResult::kStale)
        << "its time to live has passed, and that is all";
    Store::let_go(store->hazards(0));
    at(12000, kSince - 1);
    EXPECT_EQ(read(true), LookupResult::kNotYet);
    at(kUntil - 1, kUntil);
    EXPECT_EQ(read(true), LookupResult::kExpired);
    at(kUntil, kUntil - 1);
    EXPECT_EQ(read(true), LookupResult::kExpired) << "whenever the reader began";
}

TEST_F(StorePeriod, AnInvalidatedValueIsStaleWithinItOnly) {
    store->set_limits(cache.index(), {0, 0, kNoCache, 1000000});
    put();
    cache.write("k", 1500);
    Ref* hazard = store->hazards(0);
    const auto later = [&] { return cache.hold("k", kLater, hazard, nullptr, true).result; };
    EXPECT_EQ(later(), LookupResult::kStale);
    Store::let_go(hazard);
    at(kUntil - 1, kUntil);
    EXPECT_EQ(later(), LookupResult::kExpired);
}

TEST_F(StorePeriod, WhoeverReadsItIsToldOfIt) {
    put();
    EntryTags tags;
    Ref* hazard = store->hazards(0);
    ASSERT_EQ(cache.hold("k", kAll, hazard, &tags).result, LookupResult::kHit);
    Store::let_go(hazard);
    EXPECT_EQ(tags.period.since, kPeriod.since);
    EXPECT_EQ(tags.period.until, kPeriod.until);
    ASSERT_EQ(cache.put("other", "value", kAll), PublishResult::kPublished);
    ASSERT_EQ(cache.hold("other", kAll, hazard, &tags).result, LookupResult::kHit);
    Store::let_go(hazard);
    EXPECT_FALSE(tags.period.bounded());
}

TEST_F(StorePeriod, TheListSaysSo) {
    put();
    EntryInfo info[4];
    std::uint8_t keys[64];
    Listing listing = {info, 4, keys, sizeof(keys)};
    const auto listed = [&] {
        store->list(partition_of(cache.hash("k")), kAll, &listing);
        return info[0].result;
    };
    EXPECT_EQ(listed(), LookupResult::kHit);
    at(10000, kSince - 1);
    EXPECT_EQ(listed(), LookupResult::kNotYet);
    at(10000, kUntil);
    EXPECT_EQ(listed(), LookupResult::kExpired);
}

TEST_F(StorePeriod, ALifeThatItCutsShortTeachesNothing) {
    const auto ttl = [&] {
        return store->predecessor(cache.index(), cache.view("k"), {nullptr, 0, true}).ttl;
    };
    put();
    EXPECT_EQ(ttl(), kNever) << "as if it were not known";
    store->remove(cache.index(), cache.view("k"));
    put(11000);
    EXPECT_EQ(ttl(), 1000);
}

TEST(Period, RoundsItsEndDown) {
    EXPECT_EQ((Period{0, 1999}).end(), 1);
    EXPECT_EQ((Period{0, 2000}).end(), 2);
    EXPECT_EQ((Period{-5000, -1}).end(), -1);
    EXPECT_EQ((Period{0, INT64_MAX}).end(), kNever);
    EXPECT_TRUE((Period{0, 1999}).over(1));
    EXPECT_FALSE(Period::always().over(INT64_MAX - 1));
}

TEST(Period, MeetsOthers) {
    const Period p = Period{10, 30}.meet({20, 40});
    EXPECT_EQ(p.since, 20);
    EXPECT_EQ(p.until, 30);
    EXPECT_FALSE(Period::always().meet(Period::always()).bounded());
    EXPECT_TRUE((Period{INT64_MIN, 5}).bounded());
    EXPECT_TRUE((Period{5, INT64_MAX}).bounded());
}

}  // namespace
}  // namespace cache_ext::core::test
