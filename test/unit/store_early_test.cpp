// Refreshing ahead of the end by load time: who asks, and when.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "core/early.hpp"
#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const HeldSnapshot kAll = snapshot(100);
constexpr Millis kEnd = 61000;
constexpr std::uint32_t kLoadUs = 100000;  // so a mean of 100 ms where beta is 1

// What the store draws, and how often it has.
struct Chance {
    static inline std::uint64_t bits = 0;
    static inline int draws = 0;
    static std::uint64_t fixed() {
        ++draws;
        return bits;
    }
    // E is about that.
    static void set(double e) {
        bits = static_cast<std::uint64_t>(std::exp(-e) * 0x1p53) << 11;
        draws = 0;
    }
    static std::uint64_t next() { return mix(++bits); }
};

class StoreEarly : public testing::Test {
  protected:
    StoreEarly() { store->set_random(Chance::fixed); }
    void beta(std::uint32_t thousandths) {
        Limits limits = {0, 0, kNoCache};
        limits.refresh_beta = thousandths;
        store->set_limits(cache.index(), limits);
    }
    // At 1000, until kEnd.
    void put(const std::string& key, std::uint32_t thousandths, std::uint32_t load_us) {
        beta(thousandths);
        FakeClock::set(1000);
        const std::uint32_t after = early_after(thousandths, load_us, kEnd - 1000);
        ASSERT_EQ(cache.put(key, "v", kAll,
                            {.expires_at = kEnd,
                             .refresh_after = after,
                             .replace = true,
                             .load_us = load_us,
                             .early = true}),
                  PublishResult::kPublished);
    }
    // Does a read so many ms before the end ask?
    bool asks(Millis before, const std::string& key = "k") {
        FakeClock::set(kEnd - before);
        const Got got = cache.get(key, kAll);
        EXPECT_EQ(got.result, LookupResult::kHit);
        return got.found.refresh_due;
    }

    TestStore store;
    TestCache cache{*store, 1};
};

TEST_F(StoreEarly, BetaTimesLoadTimesChanceBeforeTheEndOneAsks) {
    put("k", 1000, kLoadUs);
    Chance::set(3);
    EXPECT_FALSE(asks(302));
    EXPECT_TRUE(asks(299));
    EXPECT_FALSE(asks(298)) << "once";
}

TEST_F(StoreEarly, TwiceTheBetaIsTwiceAsEarly) {
    put("k", 2000, kLoadUs);
    Chance::set(3);
    EXPECT_FALSE(asks(602));
    EXPECT_TRUE(asks(599));
}

TEST_F(StoreEarly, TwiceTheLoadTimeToo) {
    put("k", 1000, 2 * kLoadUs);
    Chance::set(3);
    EXPECT_FALSE(asks(602));
    EXPECT_TRUE(asks(599));
}

TEST_F(StoreEarly, LuckMeansLater) {
    put("k", 1000, kLoadUs);
    Chance::set(0.01);
    EXPECT_FALSE(asks(100));
    EXPECT_FALSE(asks(2));
    EXPECT_TRUE(asks(1));
}

// A worker has to wake up as well.
TEST_F(StoreEarly, AQuickLoadCountsForTenMilliseconds) {
    put("k", 1000, 20);
    Chance::set(3);
    EXPECT_FALSE(asks(31));
    EXPECT_TRUE(asks(29));
}

TEST_F(StoreEarly, LongBeforeTheEndNothingIsDrawnAndNoLockTaken) {
    put("k", 1000, kLoadUs);
    Chance::set(15.9);
    for (std::uint32_t i = 0; i < kCountedHits; ++i) EXPECT_FALSE(asks(10000));
    EXPECT_FALSE(asks(1601));
    EXPECT_EQ(Chance::draws, 0);
    FakeClock::set(kEnd - 1601);
    const std::uint64_t before = TestLocks::taken();
    EXPECT_EQ(cache.get_quietly("k", kAll, Detail::kServeQuietly).result, LookupResult::kHit);
    EXPECT_EQ(TestLocks::taken(), before);
    FakeClock::set(kEnd - 1550);
    EXPECT_TRUE(cache.get_quietly("k", kAll, Detail::kServeQuietly).found.refresh_due);
    EXPECT_EQ(Chance::draws, 1);
}

// Then a means of 16 would begin before the value was there.
TEST_F(StoreEarly, ALoadOfHalfTheLifeIsAskedForFromTheBeginning) {
    put("k", 1000, 30000000);
    Chance::set(1.5);
    EXPECT_FALSE(asks(45002));
    EXPECT_TRUE(asks(44999));
}

TEST_F(StoreEarly, WhoDoesNotReadAsksThreeMeansBeforeTheEnd) {
    put("k", 1000, kLoadUs);
    Millis point = 0;
    const CandidateVisitor visitor = {
        [](const Candidate& c, void* context) { *static_cast<Millis*>(context) = c.refresh_at; },
        &point};
    for (std::uint32_t p = 0; p < kPartitions; ++p) {
        store->candidates({p, 1, kEnd - 301}, kAll, visitor);
    }
    EXPECT_EQ(point, 0);
    for (std::uint32_t p = 0; p < kPartitions; ++p) {
        store->candidates({p, 1, kEnd - 300}, kAll, visitor);
    }
    EXPECT_EQ(point, kEnd - 300);
}

TEST_F(StoreEarly, AnEntryOfTheFixedShareDrawsNothing) {
    FakeClock::set(1000);
    Chance::set(0);
    ASSERT_EQ(cache.put("k", "v", kAll, {.expires_at = kEnd, .refresh_after = 30000}),
              PublishResult::kPublished);
    EXPECT_FALSE(asks(30001));
    EXPECT_TRUE(asks(30000));
    EXPECT_EQ(Chance::draws, 0);
}

// The maximum of independent exponential gaps: with n reads per mean one asks about
// ln n + 0.577 means before the end.
TEST_F(StoreEarly, TheMoreReadsTheEarlier) {
    store->set_random(Chance::next);
    Chance::bits = 1;
    for (const int every : {1, 10}) {
        double sum = 0;
        for (int i = 0; i < 300; ++i) {
            put("k", 1000, kLoadUs);
            Millis before = 1600;
            while (before > 0 && !asks(before)) before -= every;
            sum += static_cast<double>(before);
        }
        const double wanted = 100 * (std::log(100.0 / every) + 0.577);
        EXPECT_NEAR(sum / 300, wanted, wanted * 0.08) << every;
    }
}

}  // namespace
}  // namespace cache_ext::core::test
