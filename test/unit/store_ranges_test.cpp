// Ranged tags: writers and entries of some instants only, in a store.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

constexpr Tag kOrg = 7007;
constexpr Span kOctober = {1001, 1031};
constexpr Span kNovember = {1101, 1130};
constexpr Span kToday = {1130, 1130};
constexpr Span kOctoberDay = {1010, 1010};

class StoreRanges : public testing::Test {
  protected:
    void TearDown() override { EXPECT_TRUE(settled_check(*store)); }

    PublishResult put(const std::string& key, const Span& own, const Snapshot& f) {
        return cache.put(key, key, f, {.tags = {{.tag = kOrg, .ranged = true, .span = own}}});
    }
    // Registers, with all others ended, and ends.
    void write(const Span& span) {
        cache.write_span(kOrg, span, next, ended_below(next));
        ++next;
    }
    HeldSnapshot now() const { return snapshot(next); }
    LookupResult get(const std::string& key) { return cache.get(key, now()).result; }

    TestStore store;
    TestCache cache{*store, 1};
    Xid next = 100;
};

TEST_F(StoreRanges, AWriterConcernsTheEntriesWhoseInstantsItHasChanged) {
    ASSERT_EQ(put("october", kOctober, now()), PublishResult::kPublished);
    ASSERT_EQ(put("november", kNovember, now()), PublishResult::kPublished);
    write(kToday);
    EXPECT_EQ(get("october"), LookupResult::kHit);
    EXPECT_EQ(get("november"), LookupResult::kContradicted);
    write({1031, 1031});
    EXPECT_EQ(get("october"), LookupResult::kContradicted) << "both ends belong to it";
}

TEST_F(StoreRanges, WhatSaysNothingOfItsInstantsIsOfAll) {
    ASSERT_EQ(put("october", kOctober, now()), PublishResult::kPublished);
    cache.write_tag(kOrg, TagKind::kPart, next++);
    EXPECT_EQ(get("october"), LookupResult::kContradicted);
}

TEST_F(StoreRanges, AWriterOfItsInstantsIsRememberedWhenItsRecordIsDropped) {
    ASSERT_EQ(put("october", kOctober, now()), PublishResult::kPublished);
    write(kOctoberDay);
    for (int i = 0; i < 100; ++i) write(kToday);
    EXPECT_EQ(get("october"), LookupResult::kContradicted);
    ASSERT_EQ(put("october", kOctober, now()), PublishResult::kPublished);
    for (int i = 0; i < 100; ++i) {
        write(kToday);
        ASSERT_EQ(get("october"), LookupResult::kHit) << i;
    }
}

TEST_F(StoreRanges, AnOverflowRemembersItToo) {
    ASSERT_EQ(put("october", kOctober, now()), PublishResult::kPublished);
    ASSERT_EQ(put("september", {901, 930}, now()), PublishResult::kPublished);
    const Xid first = next;
    cache.write_span(kOrg, kOctoberDay, next++, ended_below(first));
    for (int i = 0; i < 20; ++i) cache.write_span(kOrg, kToday, next++, ended_below(first));
    write(kToday);
    EXPECT_EQ(get("october"), LookupResult::kContradicted);
    EXPECT_EQ(get("september"), LookupResult::kHit);
}

// Many writers run, of other instants than those that the fill reads.
TEST_F(StoreRanges, AFillNeedNotSeeWhoSaysNothingAboutIt) {
    ASSERT_EQ(put("november", kNovember, now()), PublishResult::kPublished);
    const std::vector<Xid> running = {next, next + 1, next + 2, next + 3};
    const HeldSnapshot f = snapshot(next + 4, running);
    for (const Xid xid : running) cache.write_span(kOrg, kToday, xid, ended_below(next));
    next += 4;
    EXPECT_EQ(put("october", kOctober, f), PublishResult::kPublished);
    EXPECT_EQ(put("november", kNovember, f), PublishResult::kUnseenWriters);
    EXPECT_EQ(get("october"), LookupResult::kHit);
}

TEST_F(StoreRanges, AnEntryThatIsBlindToAWriterIsContradictedOnceThatIsForgotten) {
    ASSERT_EQ(put("november", kNovember, now()), PublishResult::kPublished);
    const HeldSnapshot before = snapshot(next + 1, {next});
    write(kOctoberDay);
    ASSERT_EQ(put("october", kOctober, before), PublishResult::kPublished);
    EXPECT_EQ(cache.get("october", before).result, LookupResult::kHit);
    for (int i = 0; i < 100; ++i) write(kToday);
    EXPECT_EQ(get("october"), LookupResult::kContradicted);
}

// No node, no spans: the slot remembers writers of any instant.
TEST_F(StoreRanges, WritersFromBeforeTheNodeAreOfAnyInstant) {
    const HeldSnapshot before = snapshot(next + 1, {next});
    write(kToday);
    ASSERT_EQ(put("october", kOctober, before), PublishResult::kPublished);
    EXPECT_EQ(cache.get("october", before).result, LookupResult::kHit);
    EXPECT_EQ(get("october"), LookupResult::kContradicted);
}

TEST_F(StoreRanges, TheTagsOfAnEntryTellItsInstants) {
    ASSERT_EQ(cache.put("k", std::string(13, 'v'), now(),
                        {.tags = {{.tag = 5},
                                  {.tag = kOrg, .ranged = true, .span = kOctober},
                                  {.tag = 9, .ranged = true, .span = kToday}},
                         .period = {0, Micros{1} << 50}}),
              PublishResult::kPublished);
    const Got got = cache.get("k", now());
    ASSERT_EQ(got.result, LookupResult::kHit);
    ASSERT_EQ(got.tags.count, 5U);
    EXPECT_FALSE(got.tags.ranged[2]);
    EXPECT_TRUE(got.tags.ranged[3]);
    EXPECT_EQ(got.tags.span[3], kOctober);
    EXPECT_EQ(got.tags.span[4], kToday);
    EXPECT_EQ(got.value, std::string(13, 'v'));
}

TEST_F(StoreRanges, AnOldValueIsOnlyAsOldAsTheWritersOfItsInstants) {
    FakeClock::set(10000);
    store->set_limits(cache.index(), {0, 0, kNoCache, 100});
    ASSERT_EQ(put("october", kOctober, now()), PublishResult::kPublished);
    const auto read = [&] {
        std::uint8_t buffer[64];
        return store->lookup(cache.index(), cache.view("october"), now(),
                             {buffer, sizeof(buffer), Detail::kServe, OldValues::kStale});
    };
    write(kToday);
    FakeClock::set(10500);
    EXPECT_EQ(read().result, LookupResult::kHit);
    write(kOctoberDay);
    FakeClock::set(10599);
    EXPECT_EQ(read().result, LookupResult::kStale);
    FakeClock::set(10600);
    EXPECT_EQ(read().result, LookupResult::kContradicted);
}

// An old one and a new one: what they become is as new as the new one.
TEST_F(StoreRanges, ForgottenSpansBecomeOneThatIsAsNewAsTheNewest) {
    Instant far = Instant{1} << 50;
    const auto push_out = [&] {
        for (int i = 0; i < 30; ++i) write({far, far}), far += 1 << 20;
    };
    ASSERT_EQ(put("november", kNovember, now()), PublishResult::kPublished);
    write({1012, 1012});
    push_out();
    ASSERT_EQ(put("day", kOctoberDay, now()), PublishResult::kPublished);
    push_out();
    EXPECT_EQ(get("day"), LookupResult::kHit);
    write(kOctoberDay);
    push_out();
    EXPECT_EQ(get("day"), LookupResult::kContradicted);
}

// What is forgotten of today does not creep into other times.
TEST_F(StoreRanges, ForgottenSpansBecomeOneWhereTheyAreNear) {
    write(kToday);
    ASSERT_EQ(put("november", kNovember, now()), PublishResult::kPublished);
    for (Instant day = 1; day <= 200; ++day) write({day, day});
    ASSERT_EQ(put("october", kOctober, now()), PublishResult::kPublished);
    for (Instant i = 0; i < 200; ++i) {
        write({1130 + i % 7, 1130 + i % 7});
        write({20 + i % 5, 20 + i % 5});
        ASSERT_EQ(get("october"), LookupResult::kHit) << i;
    }
}

}  // namespace
}  // namespace cache_ext::core::test
