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

// An entry with all that there is behind the value, among others like it: nothing lies in anything
// else's place. Odd sizes, so that they are padded; one is blind to a writer of its instants.
TEST_F(StoreRanges, WhatFollowsTheValueHasAPlaceOfItsOwn) {
    FakeClock::set(10000);
    FakeClock::reader = 10'000;
    store->set_limits(cache.index(), {0, 0, kNoCache, 100});
    const auto name = [](int i) {
        return "k" + std::string(static_cast<std::size_t>(i % 9), 'x') + std::to_string(i);
    };
    const auto text = [](int i) {
        return std::string(static_cast<std::size_t>(i), static_cast<char>('a' + i % 26));
    };
    ASSERT_EQ(put("first", kOctober, now()), PublishResult::kPublished) << "now there is a node";
    const Xid running = next++;
    const HeldSnapshot f = snapshot(next, {running});
    cache.write_span(kOrg, kOctoberDay, running, ended_below(running));
    const auto options = [](int i) {
        Options all = {
            .tags = {{.tag = kOrg, .ranged = true, .span = i % 2 == 0 ? kOctober : kNovember},
                     {.tag = 5},
                     {.tag = 9, .ranged = true, .span = {i, i + 1}}}};
        if (i % 3 != 0) all.period = {400, Micros{20'000'000} + i};
        return all;
    };
    for (int i = 0; i < 200; ++i) {
        ASSERT_EQ(cache.put(name(i), text(i), f, options(i)), PublishResult::kPublished) << i;
    }
    for (int i = 0; i < 200; ++i) {
        const Got got = cache.get(name(i), f);
        ASSERT_EQ(got.result, LookupResult::kHit) << i;
        EXPECT_EQ(got.value, text(i));
        ASSERT_EQ(got.tags.count, 5U);
        EXPECT_EQ(got.tags.span[2], i % 2 == 0 ? kOctober : kNovember) << i;
        EXPECT_EQ(got.tags.span[4], (Span{i, i + 1})) << i;
        EXPECT_EQ(got.tags.period.until,
                  i % 3 != 0 ? Micros{20'000'000} + i : Period::always().until)
            << i;
        EXPECT_EQ(cache.get(name(i), now()).result,
                  i % 2 == 0 ? LookupResult::kContradicted : LookupResult::kHit)
            << i;
    }
    FakeClock::reader = 20'001;
    EXPECT_EQ(cache.get(name(4), f).result, LookupResult::kExpired);
    EXPECT_EQ(cache.get(name(102), f).result, LookupResult::kHit);
}

// Nobody can judge it: it is kept as an old value, and its instants are of no more use.
TEST_F(StoreRanges, AValueThatIsKeptAsAnOldOneHasRoomForItsInstants) {
    FakeClock::set(10000);
    FakeClock::reader = 10'000;
    store->set_limits(cache.index(), {0, 0, kNoCache, 100});
    ASSERT_EQ(put("october", kOctober, now()), PublishResult::kPublished);
    std::vector<Xid> running;
    for (int i = 0; i < 20; ++i) running.push_back(next++);
    const HeldSnapshot f = snapshot(next, running);
    for (const Xid xid : running) cache.write_span(kOrg, kOctoberDay, xid, ended_below(running[0]));
    const Options options = {.tags = {{.tag = kOrg, .ranged = true, .span = kOctober}},
                             .period = {400, 20'000'000},
                             .keep = true};
    const PublishResult result = cache.put("october", std::string(21, 'o'), f, options);
    EXPECT_TRUE(result == PublishResult::kOldUnusable || result == PublishResult::kOldUnseen);
    EXPECT_EQ(cache.put("september", "s", f,
                        {.tags = {{.tag = kOrg, .ranged = true, .span = {901, 930}}}}),
              PublishResult::kUnusable);
    std::uint8_t buffer[64];
    const Found found = store->lookup(cache.index(), cache.view("october"), now(),
                                      {buffer, sizeof(buffer), Detail::kServe, OldValues::kStale});
    EXPECT_EQ(found.result, LookupResult::kStale);
    EXPECT_EQ(std::string(buffer, buffer + found.value_bytes), std::string(21, 'o'));
    EXPECT_EQ(get("october"), LookupResult::kContradicted);
}

// The same of a large one, whose memory comes before its tags are known: as much as it may need.
TEST_F(StoreRanges, ALargeOldValueHasRoomForAllItsInstants) {
    FakeClock::set(10000);
    store->set_limits(cache.index(), {0, 0, kNoCache, 100});
    std::vector<TagSpec> tags;
    for (Tag tag = 0; tag < kMaxTags; ++tag) {
        tags.push_back({.tag = kOrg + tag * 3, .ranged = true, .span = kOctober});
    }
    const std::string large(200'000, 'x');
    ASSERT_EQ(cache.put("k", large, now(), {.tags = tags}), PublishResult::kPublished);
    std::vector<Xid> running;
    for (int i = 0; i < 20; ++i) running.push_back(next++);
    const HeldSnapshot f = snapshot(next, running);
    for (const Xid xid : running) cache.write_span(kOrg, kOctoberDay, xid, ended_below(running[0]));
    for (int i = 0; i < 6; ++i) {
        const PublishResult result =
            cache.put("k" + std::to_string(i), large, f, {.tags = tags, .keep = true});
        EXPECT_TRUE(result == PublishResult::kOldUnusable || result == PublishResult::kOldUnseen);
    }
    EXPECT_TRUE(store->check());
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
