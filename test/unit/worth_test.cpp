// When filling is paused, and when it begins again.
#include "core/worth.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace cache_ext::core::test {
namespace {

constexpr Tag kSampled = 7;
constexpr Tag kOther = Tag{1} << 58;

// A cache with fills of 10 us beyond loads of 100 us, of which 5 are not told as load time.
class WorthOfFilling : public testing::Test {
  protected:
    static constexpr std::uint64_t kCostNs = 10'000, kAroundNs = 5'000;
    static constexpr std::uint64_t kLoadUs = 100;

    void fill(std::uint64_t times) {
        for (std::uint64_t i = 0; i < times; ++i) {
            worth.note(*counters, {1, kCostNs, kAroundNs}, now);
        }
    }
    // As the bridge counts them.
    void hit(std::uint64_t times, Tag hash = kOther, std::uint64_t load_us = kLoadUs) {
        counters->add(3, Counter::kHits, times);
        counters->add(3, Counter::kSavedMicros, times * load_us);
        if (!in_sample(hash)) return;
        counters->add(3, Counter::kSampleHits, times);
        counters->add(3, Counter::kSampleMicros, times * load_us);
    }
    bool admits(Tag hash = kOther) { return worth.admits(*counters, hash, now); }
    // As many as are judged together now.
    void waste() { fill(worth.window != 0 ? worth.window : kWorthWindow); }
    void pause() {
        waste();
        ASSERT_TRUE(worth.paused(now));
    }
    // What a pause of which the next look at the sample is due shows.
    bool looked_at() {
        now = worth.look_at;
        return admits();
    }

    const std::unique_ptr<Counters> counters = std::make_unique<Counters>();
    Worth worth = {};
    Millis now = 1'000'000;
};

// --- a window ---

TEST_F(WorthOfFilling, BesideLongLoadsItCostsNothing) {
    for (std::uint64_t i = 0; i < kWorthWindow; ++i) {
        worth.note(*counters, {1, kCostNs, kAroundNs, kLongLoads * kCostNs}, now);
    }
    EXPECT_FALSE(worth.paused(now));
    for (std::uint64_t i = 0; i < kWorthWindow; ++i) {
        worth.note(*counters, {1, kCostNs, kAroundNs, (kLongLoads - 1) * kCostNs}, now);
    }
    EXPECT_TRUE(worth.paused(now));
}

TEST_F(WorthOfFilling, NobodyIsJudgedBeforeAWindowIsFull) {
    fill(kWorthWindow - 1);
    EXPECT_TRUE(admits());
    fill(1);
    EXPECT_FALSE(admits());
    EXPECT_TRUE(worth.paused(now));
}

TEST_F(WorthOfFilling, HitsThatSaveAsMuchKeepItGoing) {
    // 100 ms, by hits of 105 us.
    hit(953);
    waste();
    EXPECT_TRUE(admits());
    hit(952);
    waste();
    EXPECT_FALSE(admits()) << "each window has to pay by itself";
}

TEST_F(WorthOfFilling, WhatIsAroundALoadIsSavedByAHit) {
    hit(20'000, kOther, 0);  // of a loader that takes less than the clock can tell
    waste();
    EXPECT_TRUE(admits());
}

TEST_F(WorthOfFilling, SaysWhatItWasPausedFor) {
    hit(10);
    pause();
    const Verdict v = worth.verdict();
    EXPECT_EQ(v.fills, kWorthWindow);
    EXPECT_EQ(v.cost_ns, kWorthWindow * kCostNs);
    EXPECT_EQ(v.saved_ns, 10 * (kLoadUs * 1000 + kAroundNs));
}

TEST_F(WorthOfFilling, StaleHitsSaveLikeOthers) {
    counters->add(0, Counter::kStaleHits, 1000);
    counters->add(0, Counter::kSavedMicros, 1000 * kLoadUs);
    waste();
    EXPECT_TRUE(admits());
}

TEST_F(WorthOfFilling, CountersThatWereSetBackSayNothing) {
    hit(1000);
    waste();
    counters->reset();
    waste();
    EXPECT_TRUE(admits());
    waste();
    EXPECT_FALSE(admits());
}

TEST_F(WorthOfFilling, FillsOfManyKeysAtOnceAreFillsLikeOthers) {
    worth.note(*counters, {kWorthWindow, kWorthWindow * kCostNs, 0}, now);
    EXPECT_FALSE(admits());
}

// --- a pause ---

TEST_F(WorthOfFilling, TheSampleIsFilledAllTheTime) {
    pause();
    EXPECT_TRUE(admits(kSampled));
    EXPECT_FALSE(admits(kOther));
    EXPECT_FALSE(admits(~Tag{0}));
}

TEST_F(WorthOfFilling, OneKeyInSixtyFourIsInTheSample) {
    int sampled = 0;
    Tag hash = 1;
    for (int i = 0; i < 64'000; ++i) {
        hash = hash * 6364136223846793005U + 1442695040888963407U;
        sampled += in_sample(hash) ? 1 : 0;
    }
    EXPECT_NEAR(sampled, 1000, 100);
}

TEST_F(WorthOfFilling, IsOverInTime) {
    pause();
    now += kPause.first - 1;
    EXPECT_FALSE(admits());
    now += 1;
    EXPECT_TRUE(admits());
    EXPECT_FALSE(worth.paused(now));
}

TEST_F(WorthOfFilling, TakesTwiceAsLongEachTimeUpToTheCap) {
    Millis length = kPause.first;
    for (int i = 0; i < 10; ++i) {
        pause();
        EXPECT_EQ(worth.paused_until - now, length);
        now = worth.paused_until;
        EXPECT_TRUE(admits());
        length = std::min(length * 2, kPause.cap);
    }
    EXPECT_EQ(length, kPause.cap);
}

TEST_F(WorthOfFilling, AWindowThatPaysForgetsThePausesBefore) {
    pause();
    now = worth.paused_until;
    ASSERT_TRUE(admits());
    hit(1000);
    waste();
    ASSERT_TRUE(admits());
    pause();
    EXPECT_EQ(worth.paused_until - now, kPause.first);
}

TEST_F(WorthOfFilling, ATrialIsJudgedByWhatItBrings) {
    pause();
    hit(100'000);  // before it
    now = worth.paused_until;
    ASSERT_TRUE(admits());
    fill(kTrialWindow - 1);
    EXPECT_TRUE(admits());
    fill(1);
    EXPECT_FALSE(admits());
}

// --- the sample ---

TEST_F(WorthOfFilling, GoesOnAsSoonAsTheSamplePays) {
    pause();
    fill(20);          // 200 us
    hit(1, kSampled);  // 105 us
    EXPECT_FALSE(looked_at());
    hit(1, kSampled);
    EXPECT_FALSE(admits()) << "not before the next look";
    EXPECT_TRUE(looked_at());
    EXPECT_LT(now, worth.look_at + kPause.first);
    EXPECT_FALSE(worth.paused(now));
}

TEST_F(WorthOfFilling, WithoutFillsTheSampleHasToPayForSome) {
    pause();
    hit(1, kSampled);
    EXPECT_FALSE(looked_at());
    hit(1, kSampled);
    EXPECT_TRUE(looked_at()) << "for " << kLeastSample << " of 10 us";
}

TEST_F(WorthOfFilling, HitsOfOtherKeysSayNothingAboutIt) {
    pause();
    hit(100'000, kOther);
    EXPECT_FALSE(looked_at());
}

TEST_F(WorthOfFilling, ThenAllKeysMayComeAsFarAsTheSampleDid) {
    pause();
    fill(50);
    hit(100, kSampled);
    ASSERT_TRUE(looked_at());
    EXPECT_NE(worth.window, kWorthWindow);
    fill(50 * kSampleShare * 2 - 1);
    EXPECT_TRUE(admits());
    fill(1);
    EXPECT_FALSE(admits());
    EXPECT_EQ(worth.paused_until - now, kPause.first * 2) << "it has not paid yet";
}

TEST_F(WorthOfFilling, NoFurtherThanAMillionFills) {
    pause();
    fill(100'000);
    hit(100'000, kSampled);
    ASSERT_TRUE(looked_at());
    EXPECT_EQ(worth.window, kMaxWorthWindow);
}

TEST_F(WorthOfFilling, CountersThatAreSetBackInAPauseBeginTheSampleAnew) {
    hit(50, kSampled);
    pause();
    counters->reset();
    EXPECT_FALSE(looked_at());
    hit(2, kSampled);
    EXPECT_TRUE(looked_at());
}

// --- workloads ---

// Keys of which each is read many times, but far apart: what is there pays later.
TEST_F(WorthOfFilling, ACacheThatIsOnlyNotFullYetComesThrough) {
    constexpr std::uint64_t kKeys = 100'000;
    std::vector<bool> cached(kKeys, false);
    std::uint64_t state = 1, hits = 0;
    const auto read = [&] {
        state = state * 6364136223846793005U + 1442695040888963407U;
        const std::uint64_t key = (state >> 33) % kKeys;
        const Tag hash = key * 0x9e3779b97f4a7c15U;
        if (cached[key]) {
            hit(1, hash);
            ++hits;
        } else if (admits(hash)) {
            fill(1);
            cached[key] = true;
        }
    };
    for (std::uint64_t i = 0; i < 20 * kKeys; ++i) {
        if (i % 10 == 0) ++now;  // 10,000 reads a second
        read();
        if (i == 10 * kKeys) hits = 0;
    }
    EXPECT_GT(hits, 9 * kKeys);
    EXPECT_FALSE(worth.paused(now));
}

TEST_F(WorthOfFilling, KeysThatAreReadOnceAreNotFilled) {
    std::uint64_t filled = 0;
    constexpr std::uint64_t kReads = 10'000'000;
    for (std::uint64_t key = 0; key < kReads; ++key) {
        if (key % 10 == 0) ++now;
        if (!admits(key * 0x9e3779b97f4a7c15U)) continue;
        fill(1);
        ++filled;
    }
    EXPECT_LT(filled, kReads / 40);
    EXPECT_GT(filled, kReads / 80) << "the sample";
}

}  // namespace
}  // namespace cache_ext::core::test
