// Writers against entries: what a registration contradicts, for whom, and for how long.
#include <gtest/gtest.h>

#include <string>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const HeldSnapshot kAll = snapshot(1000);

class StoreTags : public testing::Test {
  protected:
    void TearDown() override { EXPECT_TRUE(settled_check(*store)); }
    LookupResult peek(const Snapshot& s) { return cache.peek("k", s); }
    PublishResult put(const Snapshot& f, const Options& options = {}) {
        return cache.put("k", "v", f, options);
    }
    std::uint64_t nodes() { return store->stats().nodes; }

    TestStore store;
    TestCache cache{*store, 5};
    const Tag part = mix(42);
    const Options with_part = {.tags = {{part}}};
};

// Sees all below 100 but 50.
const HeldSnapshot kBlind = snapshot(100, {50});

TEST_F(StoreTags, AWriterOfTheKeyContradictsForThoseWhoSeeIt) {
    ASSERT_EQ(put(kBlind), PublishResult::kPublished);
    EXPECT_EQ(peek(kBlind), LookupResult::kHit);
    cache.write("k", 50);
    EXPECT_EQ(peek(kAll), LookupResult::kContradicted);
    EXPECT_EQ(peek(kBlind), LookupResult::kHit);
}

TEST_F(StoreTags, AWriterOfAPartContradictsForThoseWhoSeeIt) {
    ASSERT_EQ(put(kBlind, with_part), PublishResult::kPublished);
    ASSERT_EQ(cache.put("other", "v", kBlind), PublishResult::kPublished);
    cache.write_tag(part, TagKind::kPart, 50);
    EXPECT_EQ(peek(kAll), LookupResult::kContradicted);
    EXPECT_EQ(peek(kBlind), LookupResult::kHit);
    EXPECT_EQ(cache.peek("other", kAll), LookupResult::kHit) << "it does not carry the tag";
}

TEST_F(StoreTags, AWriterOfTheWholeContradictsEveryKeyForThoseWhoSeeIt) {
    const TestCache other(*store, 6);
    ASSERT_EQ(put(kBlind), PublishResult::kPublished);
    ASSERT_EQ(cache.put("k2", "v", kBlind), PublishResult::kPublished);
    ASSERT_EQ(other.put("k", "v", kBlind), PublishResult::kPublished);
    cache.write_whole(50);
    EXPECT_EQ(peek(kAll), LookupResult::kContradicted);
    EXPECT_EQ(cache.peek("k2", kAll), LookupResult::kContradicted);
    EXPECT_EQ(peek(kBlind), LookupResult::kHit);
    EXPECT_EQ(other.peek("k", kAll), LookupResult::kHit);
}

TEST_F(StoreTags, AFillRemembersWhomItDidNotSee) {
    cache.write("k", 50);
    ASSERT_EQ(put(kBlind), PublishResult::kPublished);
    EXPECT_EQ(peek(kBlind), LookupResult::kHit);
    EXPECT_EQ(peek(kAll), LookupResult::kContradicted);
}

TEST_F(StoreTags, AFillRemembersWhomItDidNotSeeOfPartsAndTheWhole) {
    cache.write_tag(part, TagKind::kPart, 50);
    cache.write_whole(51);
    const HeldSnapshot blind = snapshot(100, {50, 51});
    ASSERT_EQ(put(blind, with_part), PublishResult::kPublished);
    EXPECT_EQ(peek(blind), LookupResult::kHit);
    EXPECT_EQ(peek(snapshot(100, {50})), LookupResult::kContradicted);
    EXPECT_EQ(peek(snapshot(100, {51})), LookupResult::kContradicted);
}

TEST_F(StoreTags, AFillThatSawAWriterIsNotForThoseWhoDoNot) {
    cache.write("k", 50);
    ASSERT_EQ(put(kAll), PublishResult::kPublished);
    EXPECT_EQ(peek(kAll), LookupResult::kHit);
    EXPECT_EQ(peek(kBlind), LookupResult::kContradicted);
}

TEST_F(StoreTags, MoreUnseenWritersThanAnEntryRemembersAreRefused) {
    for (Xid x = 50; x <= 52; ++x) cache.write("k", x);
    EXPECT_EQ(put(snapshot(100, {50, 51, 52})), PublishResult::kUnseenWriters);
    EXPECT_EQ(put(snapshot(100, {50, 51})), PublishResult::kPublished);
    cache.write_whole(51);
    cache.write_tag(part, TagKind::kPart, 50);
    EXPECT_EQ(put(snapshot(100, {50, 51}), with_part), PublishResult::kPublished)
        << "the same ones on other tags take no more room";
}

TEST_F(StoreTags, AFailedFillLeavesNoNodeBehind) {
    for (Xid x = 50; x <= 52; ++x) cache.write_tag(part, TagKind::kPart, x);
    EXPECT_EQ(put(snapshot(100, {50, 51, 52}), with_part), PublishResult::kUnseenWriters);
    EXPECT_EQ(nodes(), 0U);
}

TEST_F(StoreTags, AHardWriterStopsAllWhoCannotSeeIt) {
    ASSERT_EQ(put(kBlind), PublishResult::kPublished);
    cache.write_whole(50, true);
    EXPECT_EQ(peek(kBlind), LookupResult::kUnusable);
    EXPECT_EQ(peek(kAll), LookupResult::kContradicted);
    EXPECT_EQ(put(kBlind), PublishResult::kUnusable);
    EXPECT_FALSE(store->usable(cache.index(), kBlind));
    EXPECT_TRUE(store->usable(cache.index(), kAll));
    ASSERT_EQ(put(kAll), PublishResult::kPublished);
    EXPECT_EQ(peek(kAll), LookupResult::kHit);
}

TEST_F(StoreTags, SelfCountsAsSeen) {
    cache.write("k", 50);
    cache.write_tag(part, TagKind::kPart, 50);
    cache.write_whole(50);
    // The snapshot of a transaction does not see its own commit.
    Options options = with_part;
    options.self = 50;
    ASSERT_EQ(put(kBlind, options), PublishResult::kPublished);
    EXPECT_EQ(peek(kAll), LookupResult::kHit);
    EXPECT_EQ(peek(kBlind), LookupResult::kContradicted);
}

TEST_F(StoreTags, APartsNodeStartsWithWhatTheSlotKnew) {
    cache.write_tag(part, TagKind::kPart, 50);  // no entry carries it yet: the slot takes it
    ASSERT_EQ(put(kBlind, with_part), PublishResult::kPublished);
    EXPECT_EQ(peek(kAll), LookupResult::kContradicted);
    EXPECT_EQ(peek(kBlind), LookupResult::kHit);
    ASSERT_EQ(cache.put("k2", "v", kAll, with_part), PublishResult::kPublished);
    EXPECT_EQ(cache.peek("k2", kBlind), LookupResult::kContradicted);
}

TEST_F(StoreTags, WhatANodeKnewOutlivesItsLastEntry) {
    ASSERT_EQ(put(kBlind, with_part), PublishResult::kPublished);
    cache.write_tag(part, TagKind::kPart, 50);  // the node takes it
    ASSERT_EQ(nodes(), 1U);
    ASSERT_TRUE(store->remove(cache.index(), cache.view("k")));
    EXPECT_EQ(nodes(), 0U);
    ASSERT_EQ(put(kBlind, with_part), PublishResult::kPublished);
    EXPECT_EQ(peek(kBlind), LookupResult::kHit);
    EXPECT_EQ(peek(kAll), LookupResult::kContradicted) << "the fill was blind to 50";
}

TEST_F(StoreTags, WhatANodeKnewOutlivesEvictionAndReplacementToo) {
    const TestCache tiny(*store, 6, {1, 0, kNoCache});
    ASSERT_EQ(tiny.put("a", "v", kBlind, with_part), PublishResult::kPublished);
    cache.write_tag(part, TagKind::kPart, 50);
    ASSERT_EQ(tiny.put("b", "v", kBlind), PublishResult::kPublished);
    ASSERT_FALSE(tiny.has("a"));
    ASSERT_EQ(tiny.put("a", "v", kBlind, with_part), PublishResult::kPublished);
    EXPECT_EQ(tiny.peek("a", kAll), LookupResult::kContradicted);
    ASSERT_EQ(tiny.put("a", "v", kAll, {.replace = true}), PublishResult::kPublished);
    ASSERT_EQ(tiny.put("a", "v", kBlind, {.tags = {{part}}, .replace = true}),
              PublishResult::kPublished);
    EXPECT_EQ(tiny.peek("a", kAll), LookupResult::kContradicted);
}

TEST_F(StoreTags, AWitnessOfANodeStopsOldSnapshotsAfterItsEnd) {
    ASSERT_EQ(put(kAll, with_part), PublishResult::kPublished);
    for (Xid x = 50; x < 70; ++x) {
        cache.write_tag(part, TagKind::kPart, x, ended_below(x));  // one after the other
    }
    ASSERT_TRUE(store->remove(cache.index(), cache.view("k")));
    const HeldSnapshot old = snapshot(60);  // blind to more than anybody remembers
    EXPECT_EQ(put(old, with_part), PublishResult::kUnusable);
    ASSERT_EQ(put(kAll, with_part), PublishResult::kPublished);
    EXPECT_EQ(peek(old), LookupResult::kUnusable);
    EXPECT_EQ(peek(kAll), LookupResult::kHit);
}

TEST_F(StoreTags, AKeyThatIsAnotherEntrysTagHearsOfWritersTwice) {
    const Tag inner_key = cache.hash("inner");
    const Options nested = {.tags = {{inner_key, true}}};
    ASSERT_EQ(cache.put("inner", "v", kBlind), PublishResult::kPublished);
    ASSERT_EQ(cache.put("outer", "v", kBlind, nested), PublishResult::kPublished);
    cache.write("inner", 50);
    EXPECT_EQ(cache.peek("inner", kAll), LookupResult::kContradicted);
    EXPECT_EQ(cache.peek("outer", kAll), LookupResult::kContradicted);
    EXPECT_EQ(cache.peek("inner", kBlind), LookupResult::kHit);
    EXPECT_EQ(cache.peek("outer", kBlind), LookupResult::kHit);
    ASSERT_TRUE(store->remove(cache.index(), cache.view("outer")));
    ASSERT_EQ(cache.put("outer", "v", kBlind, nested), PublishResult::kPublished);
    EXPECT_EQ(cache.peek("outer", kAll), LookupResult::kContradicted);
}

TEST_F(StoreTags, AWriterRegisteredForItAgainAndAgainIsRecordedOnce) {
    const HeldSnapshot before = snapshot(60, {50}), after = snapshot(60);
    ASSERT_EQ(cache.put("k", "old", before), PublishResult::kPublished);
    for (Xid i = 0; i < 3 * kRingCapacity; ++i) {
        store->register_writer({cache.whole(), TagKind::kWhole, false, cache.index(), true}, 50,
                               Ended{});
    }
    EXPECT_EQ(cache.peek("k", before), LookupResult::kHit) << "the ring has not overflowed";
    EXPECT_EQ(cache.peek("k", after), LookupResult::kContradicted);
    ASSERT_EQ(cache.put("k", "again", before), PublishResult::kPublished);
    EXPECT_EQ(cache.peek("k", before), LookupResult::kHit);
    EXPECT_EQ(cache.peek("k", after), LookupResult::kContradicted);
}

TEST_F(StoreTags, BlameNamesTheWriterAndItsTag) {
    EntryTags tags;
    const auto blame = [&](const HeldSnapshot& s) {
        return store->blame(cache.index(), cache.view("k"), s, &tags);
    };
    ASSERT_EQ(cache.put("k", "v", snapshot(50)), PublishResult::kPublished);
    EXPECT_EQ(blame(snapshot(50)).rule, Rule::kNone);
    EXPECT_EQ(tags.count, 2U);
    cache.write_whole(50);
    EXPECT_EQ(blame(snapshot(50)).rule, Rule::kNone);
    const Blame seen = blame(snapshot(51));
    EXPECT_EQ(seen.rule, Rule::kDisagreement);
    EXPECT_EQ(seen.xid, 50U);
    EXPECT_EQ(seen.tag, cache.whole());
    cache.write_whole(51, true);
    const Blame hard = blame(snapshot(51));
    EXPECT_EQ(hard.rule, Rule::kHard);
    EXPECT_EQ(hard.xid, 51U);
}

TEST_F(StoreTags, AnotherCacheAsAWholeIsATag) {
    const TestCache inner(*store, 6);
    const Options nested = {.tags = {{inner.whole(), false, inner.index()}}};
    ASSERT_EQ(put(kBlind, nested), PublishResult::kPublished);
    inner.write("some key", 50);
    EXPECT_EQ(peek(kAll), LookupResult::kHit);
    inner.write_whole(50);
    EXPECT_EQ(peek(kAll), LookupResult::kContradicted);
    EXPECT_EQ(peek(kBlind), LookupResult::kHit);
    ASSERT_EQ(put(kBlind, nested), PublishResult::kPublished);
    EXPECT_EQ(peek(kAll), LookupResult::kContradicted) << "unseen by the fill";
    inner.write_whole(51, true);
    EXPECT_EQ(peek(snapshot(100, {51})), LookupResult::kUnusable);
    EXPECT_EQ(put(snapshot(100, {51}), nested), PublishResult::kUnusable);
    EXPECT_EQ(put(kAll, {.tags = {{mix(9), false, inner.index()}}}), PublishResult::kNoCache)
        << "the block belongs to another cache";
}

TEST_F(StoreTags, ASharedSlotTellsTagsApart) {
    const Tag mine = cache.hash("k"), other = neighbour(mine, 1);
    ASSERT_EQ(put(kBlind), PublishResult::kPublished);
    ASSERT_EQ(cache.put("n", "v", kBlind, {.hash = other}), PublishResult::kPublished);
    cache.write_tag(other, TagKind::kKey, 50);
    EXPECT_EQ(peek(kAll), LookupResult::kHit);
    EXPECT_EQ(cache.peek("n", kAll, other), LookupResult::kContradicted);
    EXPECT_EQ(cache.put("n", "v", kBlind, {.hash = other}), PublishResult::kPublished);
    EXPECT_EQ(cache.peek("n", kAll, other), LookupResult::kContradicted);
}

// The record that spoke against "k" is dropped for newer writers of other keys.
TEST_F(StoreTags, AnEntryGoesWithTheLastRecordThatSpeaksAgainstIt) {
    const Tag mine = cache.hash("k");
    const Tag bystander = neighbour(mine, 100), written = neighbour(mine, 101);
    ASSERT_EQ(put(kBlind), PublishResult::kPublished);
    ASSERT_EQ(cache.put("bystander", "v", kBlind, {.hash = bystander}), PublishResult::kPublished);
    cache.write("k", 50);
    cache.write_tag(written, TagKind::kKey, 199, ended_below(100));
    for (Xid x = 200; x < 230; ++x) {
        cache.write_tag(neighbour(mine, x), TagKind::kKey, x, ended_below(x));
    }
    EXPECT_EQ(peek(kAll), LookupResult::kAbsent);
    EXPECT_EQ(cache.peek("bystander", kAll, bystander), LookupResult::kHit);
    EXPECT_EQ(cache.peek("bystander", kBlind, bystander), LookupResult::kUnusable)
        << "cannot judge what was forgotten";
    EXPECT_EQ(put(kBlind), PublishResult::kUnusable);
    EXPECT_EQ(put(kAll), PublishResult::kPublished);
    EXPECT_EQ(peek(kAll), LookupResult::kHit);
}

TEST_F(StoreTags, AnEntryBlindToADroppedWriterGoesToo) {
    const Tag mine = cache.hash("k");
    cache.write("k", 50);
    ASSERT_EQ(put(kBlind), PublishResult::kPublished);  // remembers 50 as unseen
    for (Xid x = 200; x < 230; ++x) {
        cache.write_tag(neighbour(mine, x), TagKind::kKey, x, ended_below(x));
    }
    EXPECT_EQ(peek(kAll), LookupResult::kAbsent);
}

TEST_F(StoreTags, AnEntryThatSawADroppedWriterStays) {
    const Tag mine = cache.hash("k");
    cache.write("k", 50);
    ASSERT_EQ(put(kAll), PublishResult::kPublished);
    for (Xid x = 200; x < 230; ++x) {
        cache.write_tag(neighbour(mine, x), TagKind::kKey, x, ended_below(x));
    }
    EXPECT_EQ(peek(kAll), LookupResult::kHit);
}

TEST_F(StoreTags, FoldingANodeIntoAFullSlotDropsContradictedEntriesAsWell) {
    const Tag mine = cache.hash("k"), shared = neighbour(mine, 7);
    ASSERT_EQ(put(kBlind), PublishResult::kPublished);
    ASSERT_EQ(cache.put("holder", "v", kAll, {.tags = {{shared}}}), PublishResult::kPublished);
    for (Xid x = 200; x < 206; ++x) cache.write_tag(shared, TagKind::kPart, x, ended_below(x));
    cache.write("k", 50, ended_below(210));
    for (Xid x = 210; x < 217; ++x) {
        cache.write_tag(neighbour(mine, x), TagKind::kKey, x, ended_below(x));
    }
    ASSERT_EQ(peek(kAll), LookupResult::kContradicted);
    ASSERT_TRUE(store->remove(cache.index(), cache.view("holder")));
    EXPECT_NE(peek(kAll), LookupResult::kHit);
    EXPECT_EQ(put(snapshot(206, {203}), {.tags = {{shared}}}), PublishResult::kUnusable);
}

TEST_F(StoreTags, ARingFullOfRunningWritersServesOnlyThoseForWhomAllHaveEnded) {
    for (Xid x = 50; x < 60; ++x) cache.write("k", x);
    EXPECT_EQ(put(snapshot(60, {50})), PublishResult::kUnusable) << "too many to remember";
    EXPECT_EQ(put(snapshot(45)), PublishResult::kUnusable);
    ASSERT_EQ(put(kAll), PublishResult::kPublished);
    EXPECT_EQ(peek(snapshot(200, {50})), LookupResult::kUnusable);
    cache.write("k", 100, ended_below(100));
    EXPECT_EQ(peek(kAll), LookupResult::kContradicted);
    EXPECT_EQ(put(snapshot(200, {100})), PublishResult::kUnusable) << "does not see the witness";
    ASSERT_EQ(put(snapshot(200)), PublishResult::kPublished);
    EXPECT_EQ(peek(kAll), LookupResult::kHit);
}

TEST_F(StoreTags, PossiblyRunningListsSlotAndNodeButNobodyKnownToHaveEnded) {
    ASSERT_EQ(put(kAll, with_part), PublishResult::kPublished);
    cache.write_tag(part, TagKind::kPart, 50);
    cache.write_tag(part, TagKind::kPart, 60, ended_below(55));
    cache.write_tag(neighbour(part, 1), TagKind::kKey, 61);
    Xid out[kMaxRunning];
    const std::uint32_t n = store->possibly_running({part, TagKind::kPart, false, kNoCache}, out);
    EXPECT_EQ(std::vector<Xid>(out, out + n), (std::vector<Xid>{61, 60}));
    cache.write_whole(70, true);
    const std::uint32_t m =
        store->possibly_running({cache.whole(), TagKind::kWhole, false, cache.index()}, out);
    EXPECT_EQ(std::vector<Xid>(out, out + m), (std::vector<Xid>{70, 70}));
}

TEST_F(StoreTags, AnAnnouncementSeesAllButItself) {
    WriterSet unseen;
    unseen.count = 9;
    EXPECT_TRUE(store->all_seen(part, 50, kBlind, &unseen));
    EXPECT_EQ(unseen.count, 0U);
    cache.write_tag(part, TagKind::kPart, 50);
    cache.write_tag(part, TagKind::kPart, 150);
    cache.write_tag(neighbour(part, 1), TagKind::kKey, 151);
    EXPECT_TRUE(store->all_seen(part, 50, kBlind, &unseen));
    ASSERT_EQ(unseen.count, 1U) << "neither itself nor a writer of another tag";
    EXPECT_EQ(unseen.xid[0], 150U);
    EXPECT_TRUE(store->all_seen(part, 150, kBlind, &unseen));
    ASSERT_EQ(unseen.count, 1U);
    EXPECT_EQ(unseen.xid[0], 50U);
    for (Xid x = 200; x < 230; ++x) cache.write_tag(part, TagKind::kPart, x, ended_below(x));
    EXPECT_FALSE(store->all_seen(part, 50, kBlind, &unseen)) << "some are forgotten";
    EXPECT_TRUE(store->all_seen(part, 50, kAll, &unseen));
}

}  // namespace
}  // namespace cache_ext::core::test
