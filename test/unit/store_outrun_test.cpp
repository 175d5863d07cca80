// Values that the rings cannot vouch for any more, or never could: for whom they are kept, and who
// is served them.
#include <gtest/gtest.h>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const HeldSnapshot kF = snapshot(1000);
const HeldSnapshot kLater = snapshot(2000);

class StoreOutrun : public ::testing::Test {
  protected:
    StoreOutrun() {
        FakeClock::set(10000);
        allow(100);
    }
    void allow(Millis stale_for, bool reloads = false) {
        store->set_limits(cache.index(), {0, 0, kNoCache, stale_for, false, true, reloads});
    }
    Found read(const Snapshot& s, OldValues old = OldValues::kStale) {
        std::uint8_t buffer[64];
        return store->lookup(cache.index(), cache.view("k"), s,
                             {buffer, sizeof(buffer), Detail::kServeQuietly, old});
    }
    LookupResult same(const Snapshot& s) { return read(s, OldValues::kSame).result; }
    // One after the other, each after the one before has ended, 10 ms apart.
    void outrun(Xid first = 1100) {
        for (Xid xid = first; xid < first + 20; ++xid) {
            cache.write("k", xid, ended_below(xid));
            FakeClock::advance(10);
        }
    }
    PublishResult put_late(const Snapshot& f, Options options = {}) {
        options.keep = true;
        return cache.put("k", "v", f, options);
    }

    TestStore store;
    TestCache cache{*store, 5};
};

TEST_F(StoreOutrun, WhatASlotForgetsIsOldSinceTheFirstOfThem) {
    allow(1000);
    ASSERT_EQ(cache.put("k", "v", kF), PublishResult::kPublished);
    FakeClock::advance(5000);
    const Millis first = FakeClock::time;
    outrun();
    EXPECT_EQ(read(kLater).result, LookupResult::kStale);
    EXPECT_EQ(same(kLater), LookupResult::kContradicted);
    FakeClock::set(first + 999);
    EXPECT_EQ(read(kLater).result, LookupResult::kStale);
    FakeClock::set(first + 1000);
    EXPECT_EQ(read(kLater).result, LookupResult::kContradicted);
    EXPECT_TRUE(store->check());
}

TEST_F(StoreOutrun, NothingElseSpeaksAgainstItThen) {
    ASSERT_EQ(cache.put("k", "v", kF), PublishResult::kPublished);
    cache.write("k", 1100);
    for (Xid xid = 1101; xid < 1121; ++xid) {
        cache.write_tag(neighbour(cache.hash("k"), 1), TagKind::kKey, xid, ended_below(xid));
    }
    EXPECT_EQ(same(kLater), LookupResult::kContradicted) << "its slot is about another key now";
    EXPECT_EQ(read(kLater).result, LookupResult::kStale);
}

TEST_F(StoreOutrun, WithoutAUseItGoes) {
    allow(0);
    ASSERT_EQ(cache.put("k", "v", kF), PublishResult::kPublished);
    outrun();
    EXPECT_FALSE(cache.has("k"));
    allow(0, true);
    ASSERT_EQ(cache.put("k", "v", kLater), PublishResult::kPublished);
    outrun(2100);
    EXPECT_FALSE(cache.has("k")) << "nobody has read it";
    ASSERT_EQ(cache.put("k", "v", snapshot(3000)), PublishResult::kPublished);
    EXPECT_EQ(same(snapshot(3000)), LookupResult::kHit);
    outrun(3100);
    EXPECT_TRUE(cache.has("k")) << "it is to be loaded again";
}

TEST_F(StoreOutrun, AFillThatIsOutrunIsAnOldValueSinceItsTime) {
    outrun();
    EXPECT_EQ(cache.put("k", "v", kF), PublishResult::kUnusable);
    ASSERT_EQ(put_late(kF), PublishResult::kOldUnusable);
    EXPECT_EQ(read(kLater).result, LookupResult::kStale);
    EXPECT_EQ(same(kLater), LookupResult::kContradicted);
    EXPECT_EQ(same(kF), LookupResult::kHit) << "it is that snapshot's";
    FakeClock::advance(100);
    EXPECT_EQ(read(kLater).result, LookupResult::kContradicted);
    EXPECT_EQ(read(kF).result, LookupResult::kHit);
    EXPECT_TRUE(store->check());
}

TEST_F(StoreOutrun, SoIsOneThatIsBlindToTooMany) {
    for (Xid xid = 1100; xid < 1103; ++xid) cache.write("k", xid);
    EXPECT_EQ(cache.put("k", "v", kF), PublishResult::kUnseenWriters);
    ASSERT_EQ(put_late(kF), PublishResult::kOldUnseen);
    EXPECT_EQ(read(kLater).result, LookupResult::kStale);
}

TEST_F(StoreOutrun, NobodyIsServedWhatIsNewerThanHisSnapshot) {
    outrun();
    const HeldSnapshot f = snapshot(1110, {1105});
    ASSERT_EQ(put_late(f), PublishResult::kOldUnusable);
    EXPECT_EQ(read(snapshot(1109)).result, LookupResult::kContradicted);
    EXPECT_EQ(read(snapshot(1110, {1104, 1105})).result, LookupResult::kContradicted)
        << "of the same xmax, the one that lists more is older";
    EXPECT_EQ(read(f).result, LookupResult::kHit);
    EXPECT_EQ(read(snapshot(1110)).result, LookupResult::kStale);
    EXPECT_EQ(read(snapshot(1111, {1104, 1105})).result, LookupResult::kStale);
}

TEST_F(StoreOutrun, AnXidOfItsOwnIsMissingInASnapshot) {
    outrun();
    const HeldSnapshot f = snapshot(1110, {1105});
    ASSERT_EQ(put_late(f), PublishResult::kOldUnusable);
    // It may be {1104, 1105} without its own 1104.
    EXPECT_EQ(read(f, OldValues::kStaleUnlisted).result, LookupResult::kContradicted);
    EXPECT_EQ(read(snapshot(1110), OldValues::kStaleUnlisted).result, LookupResult::kStale);
}

TEST_F(StoreOutrun, OneThatIsBeingPreparedCountsOnce) {
    outrun();
    ASSERT_EQ(put_late(snapshot(1110, {1105, 1105})), PublishResult::kOldUnusable);
    EXPECT_EQ(read(snapshot(1110, {1104, 1105})).result, LookupResult::kContradicted);
    EXPECT_EQ(same(snapshot(1110, {1105})), LookupResult::kHit);
    EXPECT_EQ(same(snapshot(1110, {1105, 1105})), LookupResult::kHit);
}

TEST_F(StoreOutrun, AHardWriterEndsIt) {
    outrun();
    ASSERT_EQ(put_late(kF), PublishResult::kOldUnusable);
    cache.write_whole(1500, true);
    EXPECT_EQ(read(kLater).result, LookupResult::kContradicted);
    EXPECT_EQ(read(kF).result, LookupResult::kContradicted) << "also for that snapshot";
    EXPECT_EQ(put_late(kF), PublishResult::kUnusable) << "nor does it become one";
    EXPECT_EQ(put_late(kLater), PublishResult::kPublished);
}

TEST_F(StoreOutrun, SoDoOnesThatNobodyRemembers) {
    outrun();
    store->distrust(cache.index(), 1200);
    EXPECT_EQ(put_late(snapshot(1199)), PublishResult::kUnusable);
    EXPECT_EQ(put_late(snapshot(1201, {1150})), PublishResult::kUnusable) << "one may be running";
    EXPECT_EQ(put_late(snapshot(1200)), PublishResult::kPublished);

    for (Xid xid = 1300; xid < 1305; ++xid) cache.write_whole(xid, true);
    outrun(1310);
    EXPECT_EQ(put_late(snapshot(1400, {1301})), PublishResult::kUnusable) << "it is forgotten";
}

TEST_F(StoreOutrun, ABetterValueIsNotReplaced) {
    allow(0);
    outrun();
    ASSERT_EQ(cache.put("k", "good", kLater), PublishResult::kPublished);
    EXPECT_EQ(put_late(kF), PublishResult::kUnusable) << "it would be of use to one only";
    EXPECT_EQ(same(kLater), LookupResult::kHit);
    allow(100);
    ASSERT_EQ(cache.put("k", "good", snapshot(2500)), PublishResult::kPublished);
    EXPECT_EQ(put_late(kF), PublishResult::kSuperseded) << "the newer one is served";
}

TEST_F(StoreOutrun, ARefreshIsNotAskedForTooSoon) {
    outrun();
    ASSERT_EQ(put_late(kF, {.refresh_from = FakeClock::time + 50}), PublishResult::kOldUnusable);
    EXPECT_FALSE(read(kLater).refresh_due);
    FakeClock::advance(50);
    EXPECT_TRUE(read(kLater).refresh_due);
    EXPECT_FALSE(read(kLater).refresh_due) << "one at a time";
    ASSERT_EQ(put_late(snapshot(1101), {.refresh_from = FakeClock::time + 50}),
              PublishResult::kOldUnusable);
    EXPECT_FALSE(read(kLater).refresh_due) << "nor soon after that";
}

TEST_F(StoreOutrun, WhatIsToBeLoadedAgainRemembersThatItWasRead) {
    allow(0, true);
    ASSERT_EQ(cache.put("k", "v", kF), PublishResult::kPublished);
    EXPECT_EQ(same(kF), LookupResult::kHit);
    outrun();
    ASSERT_EQ(put_late(snapshot(1101), {.ahead = true}), PublishResult::kOldUnusable);
    EXPECT_GT(cache.get("k", kLater, Detail::kInspect).found.hits, 0U);
}

TEST_F(StoreOutrun, TheSweepTakesWhatIsTooOld) {
    outrun();
    ASSERT_EQ(put_late(kF), PublishResult::kOldUnusable);
    const auto sweep = [&] {
        std::uint32_t cursor = 0;
        return store->sweep(partition_of(cache.hash("k")), &cursor, 1000000);
    };
    FakeClock::advance(59000);
    EXPECT_EQ(sweep(), 0U);
    FakeClock::advance(1000);
    EXPECT_EQ(sweep(), 1U);
}

}  // namespace
}  // namespace cache_ext::core::test
