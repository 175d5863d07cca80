// The agreement rule case by case. Each name says what it proves; agreement_replay_test.cpp holds
// the same code against the model's random histories.
#include "core/writers.hpp"

#include <gtest/gtest.h>

#include "support/ring_world.hpp"

namespace cache_ext::core::test {
namespace {

constexpr Tag kOther = RingWorld::kOther;

TEST(Writers, NobodyWroteSoEverybodyIsServed) {
    RingWorld w;
    const HeldSnapshot old = w.snapshot();
    w.transactions.end(w.transactions.begin());
    const Filled e = w.fill(w.snapshot());
    EXPECT_TRUE(w.serves(e, w.snapshot()));
    EXPECT_TRUE(w.serves_quickly(e, w.snapshot()));
    EXPECT_TRUE(w.serves(e, old));
}

TEST(Writers, BothSawTheWriter) {
    RingWorld w;
    w.write_and_end();
    const Filled e = w.fill(w.snapshot());
    EXPECT_EQ(e.unseen.count, 0U);
    EXPECT_TRUE(w.serves(e, w.snapshot()));
    EXPECT_TRUE(w.serves_quickly(e, w.snapshot()));
}

TEST(Writers, NeitherSawTheWriter) {
    RingWorld w;
    const Xid x = w.write();
    const HeldSnapshot f = w.snapshot();
    w.transactions.end(x);
    const Filled e = w.fill(f);
    EXPECT_TRUE(e.unseen.contains(x));
    EXPECT_TRUE(w.serves(e, f));
}

TEST(Writers, TheReaderSawAWriterThatTheFillDidNot) {
    RingWorld w;
    const Xid x = w.write();
    const Filled e = w.fill(w.snapshot());
    EXPECT_TRUE(w.serves(e, w.snapshot()));
    w.transactions.end(x);
    EXPECT_FALSE(w.serves(e, w.snapshot()));
}

TEST(Writers, TheFillSawAWriterThatTheReaderDoesNot) {
    RingWorld w;
    const Xid x = w.write();
    const HeldSnapshot old = w.snapshot();
    w.transactions.end(x);
    const Filled e = w.fill(w.snapshot());
    EXPECT_FALSE(w.serves(e, old));
    EXPECT_TRUE(w.serves(e, w.snapshot()));
}

TEST(Writers, AWriterThatRegistersAfterTheFillContradictsItOnceItIsSeen) {
    RingWorld w;
    const Filled e = w.fill(w.snapshot());
    const Xid x = w.write();
    EXPECT_TRUE(w.serves(e, w.snapshot()));
    w.transactions.end(x);
    EXPECT_FALSE(w.serves(e, w.snapshot()));
}

TEST(Writers, AnEntryRemembersAsManyUnseenWritersAsItHasRoomForAndNoMore) {
    RingWorld w;
    for (std::uint32_t i = 0; i < kMaxUnseen; ++i) w.write();
    const Filled e = w.fill(w.snapshot());
    EXPECT_TRUE(e.published);
    EXPECT_EQ(e.unseen.count, kMaxUnseen);
    w.write();
    EXPECT_FALSE(w.fill(w.snapshot()).published);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
}

TEST(Writers, OneUnseenWriterOfTwoTagsTakesOneRoom) {
    Unseen unseen;
    for (const Xid x : {Xid{7}, Xid{7}, Xid{8}, Xid{7}}) EXPECT_TRUE(unseen.add(x));
    EXPECT_EQ(unseen.count, 2U);
    EXPECT_FALSE(unseen.add(9));
}

TEST(Writers, AValueThatItsOwnTransactionComputedContainsWhatThatWrote) {
    RingWorld w;
    const Xid own = w.write();
    const HeldSnapshot f = w.snapshot();
    w.transactions.end(own);
    const Filled e = w.fill(f, RingWorld::kTag, own);
    EXPECT_EQ(e.unseen.count, 0U);
    EXPECT_TRUE(w.serves(e, w.snapshot()));
    EXPECT_FALSE(w.serves(e, f));
}

TEST(Writers, ASharedRingTellsItsTagsApart) {
    RingWorld w;
    const Filled e = w.fill(w.snapshot());
    w.write_and_end(kOther);
    EXPECT_TRUE(w.serves(e, w.snapshot()));
    EXPECT_EQ(w.fill(w.snapshot(), kOther).unseen.count, 0U);
    const Xid x = w.write(kOther);
    EXPECT_FALSE(w.fill(w.snapshot()).unseen.contains(x));
    EXPECT_TRUE(w.fill(w.snapshot(), kOther).unseen.contains(x));
    EXPECT_EQ(w.ring.newest(kOther), x);
    EXPECT_EQ(w.ring.newest(RingWorld::kTag), Xid{0});
}

// --- the fast path ---

TEST(WritersQuick, NotAfterARegistration) {
    RingWorld w;
    const Filled e = w.fill(w.snapshot());
    w.write(kOther);
    EXPECT_FALSE(w.serves_quickly(e, w.snapshot()));
    EXPECT_TRUE(w.serves(e, w.snapshot()));
}

TEST(WritersQuick, NotForASnapshotThatMayNotSeeAllWriters) {
    RingWorld w;
    const Xid x = w.write();
    const HeldSnapshot old = w.snapshot();
    w.transactions.end(x);
    const Filled e = w.fill(w.snapshot());
    EXPECT_FALSE(w.serves_quickly(e, old));
    EXPECT_FALSE(w.serves(e, old));
}

// --- forgetting what has ended ---

TEST(WritersForget, TheNewestThatHasEndedStaysAsTheWitnessOfThoseBefore) {
    RingWorld w(2, 0);
    const Xid x = w.write_and_end();
    const Xid y = w.write_and_end();
    const Xid z = w.write();
    ASSERT_EQ(w.dropped.size(), 1U);
    EXPECT_EQ(w.dropped[0].xid, x);
    EXPECT_EQ(w.ring.witness, y);
    EXPECT_EQ(w.ring.newest(RingWorld::kTag), z);
    EXPECT_FALSE(w.ring.overflowed);
}

TEST(WritersForget, WhoeverDoesNotSeeTheWitnessIsNotJudged) {
    RingWorld w(2, 0);
    const Filled before = w.fill(w.snapshot());
    const Xid x = w.write();
    const HeldSnapshot old = w.snapshot();
    w.transactions.end(x);
    w.write_and_end();
    w.write_and_end();
    EXPECT_FALSE(w.ring.usable(old));
    EXPECT_FALSE(w.serves(before, old));
    EXPECT_FALSE(w.fill(old).published);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
}

TEST(WritersForget, AnEntryFromBeforeADroppedWriterStaysContradicted) {
    RingWorld w(2, 0);
    const Filled before = w.fill(w.snapshot());
    for (int i = 0; i < 20; ++i) {
        w.write_and_end();
        EXPECT_FALSE(w.serves(before, w.snapshot())) << i;
    }
}

TEST(WritersForget, AWriterWhoseEndTheWitnessDidNotSeeStays) {
    RingWorld w(2, 0);
    const Xid x = w.write();
    const Xid y = w.write();
    w.transactions.end(x);
    w.transactions.end(y);
    // Both are found ended now, but x had not ended when y registered: y cannot vouch for it. Both
    // go, and the one that registers vouches for them.
    const Xid z = w.write();
    EXPECT_EQ(w.dropped.size(), 2U);
    EXPECT_EQ(w.ring.witness, z);
    EXPECT_FALSE(w.ring.overflowed);
    EXPECT_FALSE(w.ring.usable(w.snapshot()));
    w.transactions.end(z);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
}

TEST(WritersForget, ARunningWriterIsNotDroppedForOneThatHasEnded) {
    RingWorld w(3, 0);
    const Xid runs = w.write();
    w.write_and_end();
    w.write_and_end();
    w.write_and_end();
    EXPECT_EQ(w.ring.newest(RingWorld::kTag), w.ring.largest);
    Xid on_record[kRingCapacity + kMaxLost + kMaxHard];
    const std::uint32_t n = w.ring.possibly_running(on_record);
    EXPECT_NE(std::find(on_record, on_record + n, runs), on_record + n);
}

TEST(WritersForget, ALongTransactionElsewhereDoesNotMatter) {
    RingWorld w;
    w.transactions.begin();  // runs forever and holds every xmin back
    Filled e;
    for (int i = 0; i < 100; ++i) {
        w.write_and_end();
        e = w.fill(w.snapshot());
        ASSERT_TRUE(e.published) << i;
        EXPECT_TRUE(w.serves(e, w.snapshot())) << i;
        EXPECT_FALSE(w.ring.overflowed) << i;
    }
}

TEST(WritersForget, APreparedWriterIsOneThatRuns) {
    RingWorld w;
    const Xid prepared = w.write();
    const HeldSnapshot blind = w.snapshot();
    const Filled e = w.fill(blind);
    for (int i = 0; i < 5; ++i) w.write_and_end();
    EXPECT_TRUE(w.fill(w.snapshot()).unseen.contains(prepared));
    w.transactions.end(prepared);
    EXPECT_FALSE(w.serves(e, w.snapshot()));
    EXPECT_TRUE(w.fill(w.snapshot()).published);
}

TEST(WritersForget, EverythingBelowTheOldestRunningHasEnded) {
    RingWorld w(2, 0);
    const Xid x = w.write(), y = w.write();
    w.transactions.end(x);
    w.transactions.end(y);
    const Xid z = w.transactions.begin();
    w.add_knowing(z, Ended{nullptr, 0, z});
    EXPECT_EQ(w.dropped.size(), 2U);
    EXPECT_FALSE(w.ring.overflowed);
    EXPECT_EQ(w.ring.witness, z);
}

TEST(WritersForget, WhatARegistrantDoesNotKnowToHaveEndedCountsAsRunning) {
    RingWorld w(2, 0);
    w.write_and_end();
    w.write_and_end();
    w.add_knowing(w.transactions.begin(), Ended{});
    EXPECT_TRUE(w.ring.overflowed);
}

// --- registered on behalf of others ---

// x and y have ended before somebody registers b, which had ended before either: to see b is not to
// see them.
TEST(WritersBorrowed, IsNoWitness) {
    RingWorld w(3, 2);
    w.transactions.begin();  // so that no xmin helps
    const Xid b = w.transactions.begin();
    w.transactions.end(b);
    const Xid x = w.write();
    const HeldSnapshot old = w.snapshot();
    ASSERT_FALSE(old.in_progress(b));
    w.transactions.end(x);
    const Filled before = w.fill(old);
    ASSERT_TRUE(before.published);
    const Xid y = w.write_and_end();
    w.add(b, RingWorld::kTag, false, true);
    for (int i = 0; i < 6; ++i) {
        EXPECT_FALSE(w.fill(old).published && w.fill(old).unseen.count == 0) << i;
        EXPECT_FALSE(w.serves(before, w.snapshot())) << i;
        w.write_and_end();
    }
    EXPECT_NE(w.ring.witness, b);
    EXPECT_LT(x, y);
}

TEST(WritersBorrowed, IsNoWayOutOfAnOverflow) {
    RingWorld w(2, 0);
    w.transactions.begin();
    const Xid b = w.transactions.begin();
    w.transactions.end(b);
    const Xid x = w.write(), y = w.write();
    const HeldSnapshot old = w.snapshot();
    w.transactions.end(x);
    w.transactions.end(y);
    w.add(b, RingWorld::kTag, false, true);
    EXPECT_TRUE(w.ring.overflowed);
    EXPECT_FALSE(w.fill(old).published);
    w.write_and_end();
    EXPECT_FALSE(w.ring.overflowed);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
}

TEST(WritersBorrowed, ContradictsWhatDidNotSeeIt) {
    RingWorld w;
    const Xid b = w.transactions.begin();
    const HeldSnapshot old = w.snapshot();
    const Filled before = w.fill(old);
    w.transactions.end(b);
    w.add(b, RingWorld::kTag, false, true);
    EXPECT_FALSE(w.serves(before, w.snapshot()));
    EXPECT_TRUE(w.serves(before, old));
    EXPECT_TRUE(w.fill(old).unseen.contains(b));
}

// --- overflow ---

TEST(WritersOverflow, NobodyIsServedWhileALostWriterRuns) {
    RingWorld w(3, 2);
    const Filled before = w.fill(w.snapshot());
    const Xid long_one = w.transactions.begin();
    const Xid a = w.write(), b = w.write();
    w.write_and_end();
    w.write_and_end();
    EXPECT_TRUE(w.ring.overflowed);
    EXPECT_EQ(w.ring.lost_count, 2U);
    EXPECT_FALSE(w.ring.usable(w.snapshot()));
    w.transactions.end(a);
    w.transactions.end(b);
    EXPECT_FALSE(w.serves(before, w.snapshot()));
    EXPECT_TRUE(w.transactions.runs(long_one));
}

TEST(WritersOverflow, TheFirstWriterAfterAllLostOnesEndedIsTheWayOut) {
    RingWorld w(3, 2);
    w.transactions.begin();  // so that no xmin helps
    const Xid a = w.write(), b = w.write(), c = w.write();
    w.transactions.end(c);
    w.write_and_end();
    ASSERT_TRUE(w.ring.overflowed);
    w.transactions.end(a);
    w.write_and_end();
    EXPECT_TRUE(w.ring.overflowed);  // b runs
    w.transactions.end(b);
    EXPECT_FALSE(w.ring.usable(w.snapshot()));
    const Xid way_out = w.write();
    EXPECT_FALSE(w.ring.overflowed);
    EXPECT_EQ(w.ring.witness, way_out);
    EXPECT_FALSE(w.ring.usable(w.snapshot()));
    w.transactions.end(way_out);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
}

TEST(WritersOverflow, ASnapshotThatSeesEverythingEverRegisteredNeedsNoWayOut) {
    RingWorld w(3, 2);
    const Filled before = w.fill(w.snapshot());
    const Xid a = w.write(), b = w.write(), c = w.write();
    w.transactions.end(c);
    const Xid d = w.write();
    ASSERT_TRUE(w.ring.overflowed);
    ASSERT_EQ(w.ring.horizon, Xid{0});
    for (const Xid x : {a, b, d}) {
        EXPECT_FALSE(w.ring.usable(w.snapshot()));
        w.transactions.end(x);
    }
    // Nobody writes any more, and the tag serves again.
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
    EXPECT_FALSE(w.serves(before, w.snapshot()));
    const Filled after = w.fill(w.snapshot());
    EXPECT_TRUE(w.serves(after, w.snapshot()));
}

TEST(WritersOverflow, MoreLostOnesThanItCanNameLeaveAHorizon) {
    RingWorld w(2, 0);
    const Filled before = w.fill(w.snapshot());
    const Xid a = w.write(), b = w.write(), c = w.write();
    EXPECT_EQ(w.ring.horizon, c + 1);
    w.transactions.end(a);
    w.transactions.end(c);
    EXPECT_FALSE(w.ring.usable(w.snapshot()));
    w.transactions.end(b);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
    EXPECT_FALSE(w.serves(before, w.snapshot()));
}

// Whoever passes the horizon has to see the one for whom the others were dropped: that is what
// speaks against older entries.
TEST(WritersOverflow, TheHorizonLiesAboveTheOneWhoRegisters) {
    RingWorld w(2, 0);
    const Filled before = w.fill(w.snapshot());
    const Xid a = w.write(), b = w.write(), c = w.write();
    w.transactions.end(a);
    w.transactions.end(b);
    const HeldSnapshot s = w.snapshot();
    ASSERT_FALSE(s.in_progress(a));
    ASSERT_TRUE(s.in_progress(c));
    EXPECT_FALSE(w.serves(before, s));
}

TEST(WritersOverflow, TheHorizonRisesWhenMoreIsDropped) {
    RingWorld w(2, 0);
    const Filled before = w.fill(w.snapshot());
    const Xid a = w.write(), b = w.write(), c = w.write();
    const Xid d = w.write();
    const Xid e = w.transactions.begin();
    w.transactions.end(c);
    w.transactions.end(d);
    w.add(e);  // drops c and d, which have ended; a and b run, so the horizon is in force
    w.transactions.end(a);
    w.transactions.end(b);
    const HeldSnapshot s = w.snapshot();
    ASSERT_FALSE(s.in_progress(c));
    ASSERT_TRUE(s.in_progress(e));
    EXPECT_FALSE(w.serves(before, s));
}

TEST(WritersOverflow, OneTransactionThatWritesManyTagsOfARingIsLostOnce) {
    RingWorld w(3, 2);
    const Xid batch = w.transactions.begin();
    for (Tag tag = 1; tag <= 12; ++tag) w.add(batch, tag);
    EXPECT_EQ(w.ring.horizon, Xid{0});
    EXPECT_EQ(w.ring.lost_count, 1U);
    w.transactions.begin();  // a long one, so that no xmin helps
    w.transactions.end(batch);
    w.write_and_end();
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
}

TEST(WritersOverflow, AFillUnderAnOldSnapshotIsNotPublishedAfterIt) {
    RingWorld w(2, 0);
    const Xid a = w.write();
    const HeldSnapshot f = w.snapshot();
    w.write();
    w.write();
    EXPECT_FALSE(w.fill(f).published);
    EXPECT_TRUE(w.transactions.runs(a));
}

TEST(WritersOverflow, TheHorizonIsForgottenOnceEverythingBelowHasEnded) {
    RingWorld w(2, 0);
    for (const Xid x : {w.write(), w.write(), w.write()}) w.transactions.end(x);
    w.transactions.begin();
    w.write_and_end();
    EXPECT_EQ(w.ring.horizon, Xid{0});
    EXPECT_FALSE(w.ring.overflowed);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
}

// --- hard writers ---

TEST(WritersHard, WhoeverDoesNotSeeItNeitherFillsNorHits) {
    RingWorld w;
    const Filled e = w.fill(w.snapshot());
    const Xid x = w.write(RingWorld::kTag, true);
    const HeldSnapshot old = w.snapshot();
    EXPECT_FALSE(w.serves(e, old));
    EXPECT_FALSE(w.fill(old).published);
    w.transactions.end(x);
    EXPECT_FALSE(w.ring.usable(old));
    EXPECT_FALSE(w.serves(e, w.snapshot()));
    const Filled after = w.fill(w.snapshot());
    EXPECT_TRUE(w.serves(after, w.snapshot()));
    EXPECT_FALSE(w.serves(after, old));
    EXPECT_FALSE(w.serves_quickly(after, old));
}

TEST(WritersHard, SeeingALaterOneImpliesThoseThatHadEnded) {
    RingWorld w;
    for (int i = 0; i < 10; ++i) w.transactions.end(w.write(RingWorld::kTag, true));
    EXPECT_EQ(w.ring.hard_count, 1U);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
}

TEST(WritersHard, TakesOnePlaceHoweverOftenItRegisters) {
    RingWorld w;
    w.transactions.begin();  // whatever leaves a horizon would be felt until this one ends
    const Xid hard = w.write(RingWorld::kTag, true);
    for (std::uint32_t i = 0; i < kMaxHard; ++i) w.add(hard, RingWorld::kTag, true, true);
    EXPECT_EQ(w.ring.hard_count, 1U);
    EXPECT_TRUE(w.ring.has_hard(hard));
    EXPECT_FALSE(w.ring.overflowed);
    w.transactions.end(hard);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
}

TEST(WritersHard, MoreThanItCanNameLeaveAHorizon) {
    RingWorld w;
    std::vector<Xid> hard;
    for (std::uint32_t i = 0; i <= kMaxHard; ++i) hard.push_back(w.write(RingWorld::kTag, true));
    for (std::size_t i = 1; i < hard.size(); ++i) w.transactions.end(hard[i]);
    EXPECT_FALSE(w.ring.usable(w.snapshot()));
    w.transactions.end(hard[0]);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
}

TEST(WritersHard, IsAskedAfterUntilItHasEnded) {
    RingWorld w(2, 0);
    const Xid hard = w.write(RingWorld::kTag, true);
    for (int i = 0; i < 5; ++i) w.write();
    Xid on_record[kRingCapacity + kMaxLost + kMaxHard];
    const std::uint32_t n = w.ring.possibly_running(on_record);
    EXPECT_NE(std::find(on_record, on_record + n, hard), on_record + n);
}

// --- rings that may have missed writers ---

TEST(WritersDistrust, NobodyIsServedWhoMayBeBlindToSomebodyBelow) {
    RingWorld w;
    const Xid unknown = w.transactions.begin();
    w.ring.distrust(w.transactions.next());
    const HeldSnapshot old = w.snapshot();
    EXPECT_FALSE(w.ring.usable(old));
    w.transactions.end(unknown);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
    EXPECT_FALSE(w.ring.usable(old));
    const Filled e = w.fill(w.snapshot());
    EXPECT_TRUE(w.serves(e, w.snapshot()));
    EXPECT_FALSE(w.serves_quickly(e, old));
}

TEST(WritersDistrust, AWriterThatRegistersAfterAllBelowHaveEndedIsTheWayOut) {
    RingWorld w;
    const Xid unknown = w.transactions.begin();
    w.ring.distrust(w.transactions.next());
    w.transactions.end(unknown);
    w.transactions.begin();
    w.write_and_end();
    EXPECT_FALSE(w.ring.overflowed);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
}

TEST(WritersDistrust, TrustTakesItBack) {
    RingWorld w;
    w.transactions.begin();
    w.ring.distrust(w.transactions.next());
    w.write_and_end();
    EXPECT_FALSE(w.ring.usable(w.snapshot()));
    w.ring.trust();
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
    const Filled e = w.fill(w.snapshot());
    EXPECT_TRUE(w.serves(e, w.snapshot()));
}

TEST(WritersDistrust, TrustDoesNotUndoAnOverflow) {
    RingWorld w(2, 0);
    w.ring.distrust(w.transactions.next());
    w.write();
    w.write();
    w.write();
    w.ring.trust();
    EXPECT_TRUE(w.ring.overflowed);
    EXPECT_FALSE(w.ring.usable(w.snapshot()));
}

// --- values that depend on something whose writers are known from some XID on only ---

TEST(WritersFloor, WhoeverMayMissAnUnknownWriterIsNotServedAndOthersAreQuickly) {
    RingWorld w;
    const Filled before = w.fill(w.snapshot());
    const Xid unknown = w.transactions.begin();
    const HeldSnapshot old = w.snapshot();
    w.ring.unknown_below(w.transactions.next());
    EXPECT_FALSE(w.ring.usable(old));
    EXPECT_FALSE(w.fill(w.snapshot()).published);
    Xid xid = 7;
    EXPECT_EQ(w.ring.blame(old, &xid), Rule::kUnrecorded);
    EXPECT_EQ(xid, 0U);
    w.transactions.end(unknown);
    const Filled e = w.fill(w.snapshot());
    EXPECT_TRUE(e.published);
    EXPECT_TRUE(w.serves_quickly(e, w.snapshot()));
    EXPECT_FALSE(w.serves(e, old));
    EXPECT_TRUE(w.serves(before, w.snapshot())) << "it does not depend on that";
}

TEST(WritersFloor, WritersOnRecordAreJudgedAsEver) {
    RingWorld w;
    w.ring.unknown_below(w.transactions.next());
    const Filled e = w.fill(w.snapshot());
    const Xid x = w.write();
    EXPECT_TRUE(w.serves(e, w.snapshot()));
    w.transactions.end(x);
    EXPECT_FALSE(w.serves(e, w.snapshot()));
    EXPECT_FALSE(w.ring.overflowed);
}

TEST(WritersFloor, TrustInTheRingLeavesIt) {
    RingWorld w;
    const Xid unknown = w.transactions.begin();
    w.ring.distrust(w.transactions.next());
    w.ring.unknown_below(w.transactions.next());
    w.ring.trust();
    EXPECT_FALSE(w.ring.overflowed);
    EXPECT_FALSE(w.ring.usable(w.snapshot()));
    w.transactions.end(unknown);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
}

TEST(WritersFloor, AnOverflowKeepsItUntilAllBelowHaveEnded) {
    RingWorld w(2, 2);
    const Xid unknown = w.transactions.begin();
    w.ring.unknown_below(w.transactions.next());
    const Xid a = w.write(), b = w.write(), c = w.write();
    ASSERT_TRUE(w.ring.overflowed);
    for (const Xid x : {a, b, c}) w.transactions.end(x);
    w.write_and_end();
    EXPECT_FALSE(w.ring.usable(w.snapshot()));
    w.transactions.end(unknown);
    w.write_and_end();
    EXPECT_FALSE(w.ring.overflowed);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
}

TEST(WritersFloor, OnceAllBelowHaveEndedAnOverflowRemembersNamesAgain) {
    RingWorld w(2, 2);
    w.ring.unknown_below(w.transactions.next());
    const Xid elsewhere = w.transactions.begin();
    const Xid a = w.write(), b = w.write(), c = w.write();
    ASSERT_TRUE(w.ring.overflowed);
    EXPECT_EQ(w.ring.horizon, 0U);
    for (const Xid x : {a, b, c}) w.transactions.end(x);
    w.write_and_end();
    EXPECT_FALSE(w.ring.overflowed) << "whoever runs elsewhere does not matter";
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
    w.transactions.end(elsewhere);
}

TEST(WritersFloor, InARingThatHasOverflowedTheHorizonRises) {
    RingWorld w(2, 2);
    const Xid a = w.write(), b = w.write(), c = w.write();
    ASSERT_TRUE(w.ring.overflowed);
    const Xid unknown = w.transactions.begin();
    w.ring.unknown_below(w.transactions.next());
    for (const Xid x : {a, b, c}) w.transactions.end(x);
    w.write_and_end();
    EXPECT_FALSE(w.ring.usable(w.snapshot()));
    w.transactions.end(unknown);
    EXPECT_TRUE(w.ring.usable(w.snapshot()));
}

// --- a ring that takes over another's ---

struct TwoRings {
    RingWorld shared{2, 0};
    WriterRing own;
    WriterRecord dropped[2 * kRingCapacity];

    TwoRings() { own.init(2, 0); }
    bool own_publishes(const Snapshot& f) const {
        Unseen unseen;
        return own.unseen_by(RingWorld::kTag, f, &unseen);
    }
};

TEST(WritersAbsorb, RecordsOfTheTagComeAlongOthersDoNot) {
    TwoRings r;
    const Xid x = r.shared.write();
    r.shared.write(kOther);
    EXPECT_EQ(r.own.absorb(r.shared.ring, RingWorld::kTag, r.dropped), 0U);
    EXPECT_EQ(r.own.record_count, 1U);
    EXPECT_EQ(r.own.newest(RingWorld::kTag), x);
    EXPECT_EQ(r.own.last_seq, Seq{1});
    EXPECT_EQ(r.own.largest, r.shared.ring.largest);
}

TEST(WritersAbsorb, SoDoesTheWitnessOfWhatTheSharedRingHasDropped) {
    TwoRings r;
    const Xid x = r.shared.write();
    const HeldSnapshot old = r.shared.snapshot();
    r.shared.transactions.end(x);
    r.shared.write_and_end(kOther);
    r.shared.write_and_end(kOther);
    r.own.absorb(r.shared.ring, RingWorld::kTag, r.dropped);
    EXPECT_EQ(r.own.record_count, 0U);
    EXPECT_FALSE(r.own_publishes(old));
    EXPECT_TRUE(r.own_publishes(r.shared.snapshot()));
}

TEST(WritersAbsorb, SoDoesAnOverflow) {
    TwoRings r;
    const Xid x = r.shared.write();
    const Xid y = r.shared.write(kOther);
    const Xid z = r.shared.write(kOther);
    r.own.absorb(r.shared.ring, RingWorld::kTag, r.dropped);
    EXPECT_FALSE(r.own_publishes(r.shared.snapshot()));
    for (const Xid xid : {x, y, z}) r.shared.transactions.end(xid);
    EXPECT_TRUE(r.own_publishes(r.shared.snapshot()));
}

TEST(WritersAbsorb, FoldingBackReportsWhatHadToMakeRoom) {
    TwoRings r;
    const Xid a = r.shared.write(kOther), b = r.shared.write(kOther);
    const Xid c = r.shared.transactions.begin();
    r.own.add({c, RingWorld::kTag, 3}, Ended{}, r.dropped);
    const std::uint32_t n = r.shared.ring.absorb(r.own, RingWorld::kTag, r.dropped);
    ASSERT_EQ(n, 2U);
    EXPECT_EQ(r.dropped[0].xid, a);
    EXPECT_EQ(r.dropped[1].xid, b);
    EXPECT_EQ(r.dropped[1].tag, kOther);
    EXPECT_EQ(r.shared.ring.newest(RingWorld::kTag), c);
    EXPECT_TRUE(r.shared.ring.overflowed);
}

TEST(WritersAbsorb, AnOlderRecordDoesNotMakeTheSequenceGoBack) {
    TwoRings r;
    const Xid x = r.shared.transactions.begin();
    r.own.add({x, RingWorld::kTag, 1}, Ended{}, r.dropped);
    const Xid y = r.shared.transactions.begin();
    r.shared.ring.add({y, kOther, 2}, Ended{}, r.dropped);
    r.shared.ring.absorb(r.own, RingWorld::kTag, r.dropped);
    EXPECT_EQ(r.shared.ring.last_seq, Seq{2});
    EXPECT_FALSE(r.shared.ring.quick(2, x));
}

// --- snapshots ---

TEST(Snapshots, TellWhoIsInProgress) {
    Transactions t(100);
    const Xid a = t.begin(), b = t.begin(), c = t.begin();
    t.end(b);
    const HeldSnapshot s = t.snapshot();
    EXPECT_TRUE(s.in_progress(a));
    EXPECT_FALSE(s.in_progress(b));
    EXPECT_TRUE(s.in_progress(c));
    EXPECT_FALSE(s.in_progress(99));
    EXPECT_TRUE(s.in_progress(t.next()));
}

TEST(Snapshots, LowHalvesAreEnoughAcrossAnEpoch) {
    const Xid epoch = Xid{1} << 32;
    Transactions t(epoch - 2);
    const Xid a = t.begin(), b = t.begin(), c = t.begin(), d = t.begin();
    ASSERT_EQ(c, epoch);
    t.end(b);
    t.end(d);
    const HeldSnapshot s = t.snapshot();
    EXPECT_TRUE(s.in_progress(a));
    EXPECT_FALSE(s.in_progress(b));
    EXPECT_TRUE(s.in_progress(c));
    EXPECT_FALSE(s.in_progress(d));
}

}  // namespace
}  // namespace cache_ext::core::test
