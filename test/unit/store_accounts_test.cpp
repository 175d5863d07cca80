// Entries that writers adjust, step by step.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "support/store.hpp"
#include "support/sums.hpp"

namespace cache_ext::core::test {
namespace {

const std::string kKey = "user 1";

// What a read comes to, with those committed that `committed` lists.
struct Read {
    LookupResult result = LookupResult::kAbsent;
    std::int64_t count = 0;
    std::int64_t sum = 0;
    std::uint32_t asked = 0;  // how many deltas the reader had to find out about
    bool operator==(const Read& other) const {
        return result == other.result && count == other.count && sum == other.sum;
    }
};
void PrintTo(const Read& r, std::ostream* out) {
    PrintTo(r.result, out);
    *out << " " << r.count << " " << r.sum;
}
Read hit(std::int64_t count, std::int64_t sum) {
    return {LookupResult::kHit, count, sum};
}
Read none(LookupResult result) {
    return {result};
}

class StoreAccounts : public testing::Test {
  protected:
    Opened open(const HeldSnapshot& f, bool take_over = false, const std::string& key = kKey) {
        return store_->open_account(
            {cache_.index(), cache_.id(), cache_.view(key), kSums, take_over}, f);
    }
    PublishResult publish(std::int64_t count, std::int64_t sum, const HeldSnapshot& f,
                          Seq account = 0, const Fill& like = {}, const std::string& key = kKey) {
        const Sums sums = {{count, sum}};
        Fill fill = like;
        fill.cache = cache_.index();
        fill.cache_id = cache_.id();
        fill.key = cache_.view(key);
        fill.value = reinterpret_cast<const std::uint8_t*>(sums.amounts);
        fill.value_bytes = sizeof(sums.amounts);
        fill.amounts = kSums;
        fill.account = account;
        fill.calculated_at = FakeClock::time;
        return store_->publish(fill, f);
    }
    bool write(Xid xid, std::int64_t count, std::int64_t sum, const std::string& key = kKey,
               Tag hash = 0) {
        const Sums sums = {{count, sum}};
        const KeyDelta delta = {cache_.index(), cache_.view(key, hash), sums.amounts, kSums};
        WrittenTag written = {delta.key.hash, TagKind::kKey, false, kNoCache};
        written.delta = &delta;
        return store_->register_writer(written, xid, ended());
    }
    // All writers below have ended, committed but for those in aborted_.
    Ended ended(Xid below = 0) {
        xids_.clear();
        outcomes_.clear();
        for (Xid x = 1; x < (below != 0 ? below : ended_below_); ++x) {
            xids_.push_back(x);
            outcomes_.push_back(aborted_ == x ? Outcome::kAborted : Outcome::kCommitted);
        }
        return {xids_.data(), static_cast<std::uint32_t>(xids_.size()), oldest_, outcomes_.data()};
    }
    Read read(const HeldSnapshot& s, const std::string& key = kKey) {
        Read r;
        Sums got;
        LookupOptions options = {reinterpret_cast<std::uint8_t*>(got.amounts), sizeof(got.amounts),
                                 Detail::kServeQuietly};
        options.deltas = deltas_.get();
        const Found found = store_->lookup(cache_.index(), cache_.view(key), s, options);
        r.result = found.result;
        if (r.result != LookupResult::kHit) return r;
        EXPECT_EQ(found.amounts, kSums);
        r.asked = deltas_->count;
        for (std::uint32_t i = 0; i < r.asked; ++i) {
            EXPECT_FALSE(s.in_progress(deltas_->xid[i]));
            if (deltas_->xid[i] != aborted_) got.add(deltas_->amounts + i * kSums);
        }
        r.count = static_cast<std::int64_t>(got.amounts[0]);
        r.sum = static_cast<std::int64_t>(got.amounts[1]);
        return r;
    }
    AccountView* view() {
        static AccountView view;
        return store_->account(cache_.index(), cache_.view(kKey), &view) ? &view : nullptr;
    }

    TestStore store_;
    TestCache cache_{*store_, 7};
    std::unique_ptr<SeenDeltas> deltas_ = std::make_unique<SeenDeltas>();
    Xid aborted_ = 0;
    Xid ended_below_ = 0;
    Xid oldest_ = 0;
    std::vector<Xid> xids_;
    std::vector<Outcome> outcomes_;
};

TEST_F(StoreAccounts, AWriterAdjustsTheValueForThoseWhoSeeIt) {
    const HeldSnapshot before = snapshot(10);
    ASSERT_EQ(publish(3, 30, before), PublishResult::kPublished);
    EXPECT_EQ(read(before), hit(3, 30));
    write(10, 1, 7);
    const HeldSnapshot running = snapshot(11, {10}), after = snapshot(11);
    EXPECT_EQ(read(before), hit(3, 30));
    EXPECT_EQ(read(running), hit(3, 30));
    EXPECT_EQ(read(after), hit(4, 37));
    EXPECT_EQ(read(after).asked, 1U);
    aborted_ = 10;
    EXPECT_EQ(read(after), hit(3, 30));
    EXPECT_TRUE(settled_check(*store_));
}

TEST_F(StoreAccounts, WhatAReaderFoundOutNobodyAsksAgain) {
    publish(3, 30, snapshot(10));
    write(10, 1, 7);
    write(11, 1, 5);
    const Xid xids[] = {10, 11};
    const Outcome outcomes[] = {Outcome::kCommitted, Outcome::kAborted};
    store_->note_outcomes(cache_.index(), cache_.view(kKey), xids, outcomes, 2);
    EXPECT_EQ(read(snapshot(12)), hit(4, 37));
    EXPECT_EQ(read(snapshot(12)).asked, 0U);
    EXPECT_EQ(read(snapshot(12, {10, 11})), hit(3, 30));
    ASSERT_NE(view(), nullptr);
    EXPECT_EQ(view()->count, 2U);
    EXPECT_EQ(view()->line[1].outcome, Outcome::kAborted);
    EXPECT_TRUE(view()->delta[1] == Amount{7});
}

TEST_F(StoreAccounts, WithoutRoomForDeltasTheEntryIsNotServed) {
    publish(3, 30, snapshot(10));
    write(10, 1, 7);
    std::uint8_t buffer[64];
    const auto look = [&](const HeldSnapshot& s, std::uint32_t bytes, Ref* hazard) {
        LookupOptions options = {buffer, bytes};
        options.hazard = hazard;
        return store_->lookup(cache_.index(), cache_.view(kKey), s, options).result;
    };
    EXPECT_EQ(look(snapshot(11), sizeof(buffer), nullptr), LookupResult::kContradicted);
    EXPECT_EQ(look(snapshot(11, {10}), sizeof(buffer), nullptr), LookupResult::kHit);
    Ref* hazard = store_->hazards(0);
    EXPECT_EQ(look(snapshot(11, {10}), 8, hazard), LookupResult::kTooSmall);
    EXPECT_EQ(*hazard, kNullRef);
}

TEST_F(StoreAccounts, AWriterWithoutADeltaOutdatesTheValueAndNotTheAccount) {
    publish(3, 30, snapshot(10));
    cache_.write(kKey, 10);
    write(11, 1, 7);
    EXPECT_EQ(read(snapshot(12, {10, 11})), hit(3, 30));
    EXPECT_EQ(read(snapshot(12, {10})), hit(4, 37));
    EXPECT_EQ(read(snapshot(12)), none(LookupResult::kContradicted));
    // The next load takes the account over: 12 registers while it runs.
    const HeldSnapshot f = snapshot(12);
    const Opened opened = open(f);
    ASSERT_EQ(opened.result, PublishResult::kPublished);
    write(12, 1, 1);
    ASSERT_EQ(publish(9, 90, f, opened.account), PublishResult::kPublished);
    EXPECT_EQ(read(snapshot(13)), hit(10, 91));
    EXPECT_EQ(read(f), hit(9, 90));
    EXPECT_EQ(read(snapshot(12, {10})), none(LookupResult::kUnusable));  // 10 is in it
}

TEST_F(StoreAccounts, TwoRegistrationsOfOneKeyAreNoKnownDelta) {
    publish(3, 30, snapshot(10));
    write(10, 1, 7);
    write(10, 2, 8);
    EXPECT_EQ(read(snapshot(11, {10})), hit(3, 30));
    EXPECT_EQ(read(snapshot(11)), none(LookupResult::kContradicted));
}

TEST_F(StoreAccounts, ThoseWhoWriteWhileALoadRunsReachIt) {
    const HeldSnapshot f = snapshot(10);
    const Opened opened = open(f);
    ASSERT_EQ(opened.result, PublishResult::kPublished);
    for (Xid x = 10; x < 22; ++x) {
        if (x > 15) ended_below_ = x;  // the ring and the account have to make room
        write(x, 1, static_cast<std::int64_t>(x));
    }
    EXPECT_EQ(read(snapshot(30)), none(LookupResult::kAbsent));
    ASSERT_EQ(publish(100, 0, f, opened.account), PublishResult::kPublished);
    EXPECT_EQ(read(snapshot(18)), hit(108, 10 + 11 + 12 + 13 + 14 + 15 + 16 + 17));
    EXPECT_EQ(read(snapshot(22)), hit(112, 186));
    EXPECT_EQ(read(f), none(LookupResult::kUnusable));  // it does not see those that were folded
    EXPECT_TRUE(settled_check(*store_));
}

TEST_F(StoreAccounts, AnAccountThatIsOpenIsNoEntry) {
    const HeldSnapshot all = snapshot(100);
    const Opened opened = open(all);
    ASSERT_NE(opened.account, 0U);
    EXPECT_FALSE(cache_.has(kKey));
    EXPECT_EQ(cache_.control().live_entries, 0U);
    EXPECT_EQ(cache_.control().used_entries, 1U);
    EntryInfo infos[4];
    std::uint8_t keys[256];
    Listing listing = {infos, 4, keys, sizeof(keys)};
    EXPECT_EQ(store_->list(partition_of(cache_.hash(kKey)), all, &listing), 0U);
    EXPECT_FALSE(store_->remove(cache_.index(), cache_.view(kKey)));
    EXPECT_EQ(view(), nullptr);
    EXPECT_TRUE(settled_check(*store_));

    store_->close_account(cache_.index(), cache_.view(kKey), opened.account + 1);
    EXPECT_EQ(cache_.control().used_entries, 1U);
    store_->close_account(cache_.index(), cache_.view(kKey), opened.account);
    EXPECT_EQ(cache_.control().used_entries, 0U);
    EXPECT_EQ(cache_.control().used_bytes, 0U);
    ASSERT_EQ(publish(1, 1, all, opened.account), PublishResult::kPublished);
    EXPECT_EQ(read(all), hit(1, 1));
    EXPECT_TRUE(settled_check(*store_));
}

TEST_F(StoreAccounts, OneLoadAtATimeHasAnAccountOpen) {
    const HeldSnapshot f = snapshot(10), g = snapshot(11);
    const Opened first = open(f);
    EXPECT_EQ(open(g).result, PublishResult::kSuperseded);
    const Opened second = open(g, true);
    ASSERT_EQ(second.result, PublishResult::kPublished);
    EXPECT_NE(second.account, first.account);
    write(11, 1, 1);
    // Neither with the other's account nor with that which is gone: with one that is derived now.
    ASSERT_EQ(publish(5, 5, f, first.account), PublishResult::kPublished);
    EXPECT_EQ(read(f), hit(5, 5));
    EXPECT_EQ(read(snapshot(12)), hit(6, 6));
    ASSERT_EQ(publish(7, 7, f, second.account), PublishResult::kPublished);  // another snapshot's
    ASSERT_EQ(publish(8, 8, g, second.account), PublishResult::kPublished);
    EXPECT_EQ(read(snapshot(12)), hit(9, 9));
    EXPECT_EQ(cache_.control().used_entries, 1U);
    EXPECT_TRUE(settled_check(*store_));
}

TEST_F(StoreAccounts, ItIsForgottenAfterAWhile) {
    open(snapshot(10));
    FakeClock::advance(kOpenFor);
    std::uint32_t cursor = 0;
    EXPECT_EQ(store_->sweep(partition_of(cache_.hash(kKey)), &cursor, 1U << 30), 1U);
    EXPECT_EQ(cache_.control().used_entries, 0U);
    EXPECT_EQ(cache_.control().counters.totals()[Counter::kExpirations], 0U);
}

TEST_F(StoreAccounts, TheRingSpeaksForThoseBeforeTheAccount) {
    write(10, 1, 1);
    write(11, 1, 1);
    write(12, 1, 1);
    const HeldSnapshot f = snapshot(13, {11, 12});  // more than an ordinary entry may be blind to
    write(9, 1, 1);
    const HeldSnapshot blind = snapshot(13, {9, 11, 12});
    ASSERT_EQ(publish(1, 1, blind), PublishResult::kPublished);
    EXPECT_EQ(read(blind), hit(1, 1));
    EXPECT_EQ(read(f), none(LookupResult::kContradicted));
    EXPECT_EQ(read(snapshot(13, {9, 10, 11, 12})), none(LookupResult::kContradicted));
    ASSERT_EQ(publish(2, 2, f), PublishResult::kPublished);
    EXPECT_EQ(read(f), hit(2, 2));
    EXPECT_EQ(read(blind), none(LookupResult::kUnusable));
    EXPECT_EQ(read(snapshot(13)), none(LookupResult::kContradicted));
}

TEST_F(StoreAccounts, AFoldedWriterIsInTheBaseIfItHasCommitted) {
    publish(0, 0, snapshot(10));
    aborted_ = 12;
    for (Xid x = 10; x < 15; ++x) write(x, 1, 100);
    ended_below_ = 14;
    for (Xid x = 15; x < 18; ++x) write(x, 1, 100);
    ended_below_ = 17;
    write(18, 1, 100);  // finds the account full; 16 is the newest that has ended
    ASSERT_NE(view(), nullptr);
    EXPECT_EQ(view()->witness, 16U);
    EXPECT_EQ(view()->floor, 0U);
    EXPECT_EQ(view()->count, 5U);  // 14 to 18: 14 had not ended when 16 registered
    EXPECT_TRUE(view()->base[1] == Amount{300});
    EXPECT_EQ(read(snapshot(19, {14, 15, 17, 18})), hit(4, 400));
    EXPECT_EQ(read(snapshot(19, {16})), none(LookupResult::kUnusable));
}

TEST_F(StoreAccounts, ManyAtOnceAreFoldedBelowWhomeverRuns) {
    publish(0, 0, snapshot(10));
    for (Xid x = 10; x < 18; ++x) write(x, 1, 100);
    ended_below_ = 18;  // all at once: none had ended when another one registered
    oldest_ = 14;
    write(18, 1, 100);
    ASSERT_NE(view(), nullptr);
    EXPECT_EQ(view()->witness, 0U);
    EXPECT_EQ(view()->floor, 14U);
    EXPECT_EQ(view()->count, 5U);
    EXPECT_EQ(read(snapshot(19, {14})), hit(8, 800));
    EXPECT_EQ(read(snapshot(19, {13})), none(LookupResult::kUnusable));
    oldest_ = 10;
    ended_below_ = 0;
    for (Xid x = 19; x < 22; ++x) write(x, 1, 100);
    ASSERT_NE(view(), nullptr);
    write(22, 1, 100);
    EXPECT_EQ(view(), nullptr);
    EXPECT_EQ(cache_.control().account_lines, 2 * kFirstDeltas);
}

TEST_F(StoreAccounts, OneAfterTheOtherTheyNeedFewLines) {
    publish(0, 0, snapshot(10));
    aborted_ = 20;
    for (Xid x = 10; x < 60; ++x) {
        ended_below_ = x;
        write(x, 1, 100);
        const std::int64_t n = static_cast<std::int64_t>(x) - 9 - (x >= 20 ? 1 : 0);
        ASSERT_EQ(read(snapshot(x + 1)), hit(n, 100 * n)) << x;
    }
    ASSERT_NE(view(), nullptr);
    EXPECT_EQ(view()->capacity, kFirstDeltas);
    EXPECT_GT(view()->witness, 50U);
    EXPECT_EQ(read(snapshot(40)), none(LookupResult::kUnusable));
    EXPECT_EQ(read(snapshot(60, {59})), hit(48, 4800));
}

TEST_F(StoreAccounts, ALineMoreThanThereIsRoomForAndTheNextAccountHasMore) {
    publish(0, 0, snapshot(10));
    std::uint32_t lines = kFirstDeltas;
    Xid next = 10;
    while (lines <= kMaxDeltas) {
        for (std::uint32_t i = 0; i < lines; ++i) write(next++, 1, 1);
        ASSERT_TRUE(cache_.has(kKey));
        write(next++, 1, 1);
        ASSERT_FALSE(cache_.has(kKey));
        if (lines == kMaxDeltas) break;
        lines *= 2;
        ASSERT_EQ(publish(0, 0, snapshot(next + 1000)), PublishResult::kPublished);
        ASSERT_EQ(view()->capacity, lines);
        next += 1000;
    }
    EXPECT_EQ(lines, kMaxDeltas);
    EXPECT_EQ(cache_.control().account_lines, kMaxDeltas);
    EXPECT_TRUE(settled_check(*store_));
}

TEST_F(StoreAccounts, WritersWithoutDeltasDoNotMakeAccountsLarger) {
    publish(0, 0, snapshot(10));
    for (Xid x = 10; x < 10 + kFirstDeltas; ++x) cache_.write(kKey, x);
    ASSERT_TRUE(cache_.has(kKey));
    cache_.write(kKey, 30);
    EXPECT_FALSE(cache_.has(kKey));
    EXPECT_EQ(cache_.control().account_lines, 0);
}

TEST_F(StoreAccounts, ASumThatDoesNotFitEndsTheEntry) {
    const Amount most = ~(Amount{1} << 127);
    Sums sums = {{1, most}};
    Fill fill;
    publish(0, 0, snapshot(10));
    const KeyDelta delta = {cache_.index(), cache_.view(kKey), sums.amounts, kSums};
    WrittenTag written = {cache_.hash(kKey), TagKind::kKey, false, kNoCache};
    written.delta = &delta;
    for (Xid x = 10; x < 13; ++x) store_->register_writer(written, x, ended(x));
    EXPECT_EQ(read(snapshot(13)), none(LookupResult::kContradicted));  // 10 and 11 are known
    EXPECT_EQ(read(snapshot(11)), hit(1, static_cast<std::int64_t>(most)));
    for (Xid x = 13; x < 20; ++x) store_->register_writer(written, x, ended(x));
    EXPECT_FALSE(cache_.has(kKey));
    EXPECT_TRUE(settled_check(*store_));
}

TEST_F(StoreAccounts, AnotherKeyOfTheSameTagIsNotAdjusted) {
    const Tag tag = cache_.hash(kKey);
    publish(3, 30, snapshot(10));
    write(10, 1, 7, "user 2", tag);
    EXPECT_EQ(read(snapshot(11, {10})), hit(3, 30));
    EXPECT_EQ(read(snapshot(11)), none(LookupResult::kContradicted));
    // Nor one of another number of amounts.
    publish(3, 30, snapshot(12));
    const Amount one = 1;
    const KeyDelta delta = {cache_.index(), cache_.view(kKey), &one, 1};
    WrittenTag written = {tag, TagKind::kKey, false, kNoCache};
    written.delta = &delta;
    store_->register_writer(written, 12, {});
    EXPECT_EQ(read(snapshot(13)), none(LookupResult::kContradicted));
    // Nor one whose amounts merge in another way.
    publish(3, 30, snapshot(14));
    const Sums sums = {{1, 7}};
    const KeyDelta otherwise = {cache_.index(), cache_.view(kKey), sums.amounts, kSums,
                                one_group(1, 1)};
    written.delta = &otherwise;
    store_->register_writer(written, 14, {});
    EXPECT_EQ(read(snapshot(15)), none(LookupResult::kContradicted));
}

TEST_F(StoreAccounts, OfSomeAmountsTheLesserOneIsKept) {
    constexpr Groups kSecond = one_group(1, 1);
    const auto bring = [&](Xid xid, std::int64_t value) {
        const Sums sums = {{1, value}};
        const KeyDelta delta = {cache_.index(), cache_.view(kKey), sums.amounts, kSums, kSecond};
        WrittenTag written = {delta.key.hash, TagKind::kKey, false, kNoCache};
        written.delta = &delta;
        store_->register_writer(written, xid, ended(xid));
    };
    const Opened opened = store_->open_account(
        {cache_.index(), cache_.id(), cache_.view(kKey), kSums, false, kSecond}, snapshot(10));
    // More than there are lines: folded before the value is there.
    for (Xid x = 10; x < 30; ++x) bring(x, 100 - static_cast<std::int64_t>(x));
    Fill fill;
    fill.groups = kSecond;
    ASSERT_EQ(publish(5, 90, snapshot(10), opened.account, fill), PublishResult::kPublished);
    EXPECT_LT(view()->base[1], Amount{90});
    EXPECT_GT(view()->base[1], Amount{71});
    for (const bool peek : {false, true}) {
        Sums got;
        LookupOptions options = {reinterpret_cast<std::uint8_t*>(got.amounts), sizeof(got.amounts),
                                 peek ? Detail::kPeek : Detail::kServe};
        options.deltas = deltas_.get();
        const Found found =
            store_->lookup(cache_.index(), cache_.view(kKey), snapshot(30), options);
        ASSERT_EQ(found.result, LookupResult::kHit);
        for (std::uint32_t i = 0; i < deltas_->count; ++i) {
            merge_amounts(reinterpret_cast<std::uint8_t*>(got.amounts),
                          reinterpret_cast<const std::uint8_t*>(deltas_->amounts + i * kSums),
                          kSums, kSecond);
        }
        EXPECT_EQ(got, (Sums{{25, 71}}));
    }
}

TEST_F(StoreAccounts, RecordsThatTheRingDropsDoNotTakeItAlong) {
    publish(0, 0, snapshot(10));
    const Tag other = neighbour(cache_.hash(kKey), 1);
    write(10, 1, 1);
    for (Xid x = 11; x < 40; ++x) cache_.write_tag(other, TagKind::kKey, x, ended_below(x));
    EXPECT_EQ(read(snapshot(40)), hit(1, 1));
    // And an overflow of theirs is none of its business.
    for (Xid x = 40; x < 60; ++x) cache_.write_tag(other, TagKind::kKey, x);
    EXPECT_EQ(read(snapshot(60, {45})), hit(1, 1));
    EXPECT_EQ(read(snapshot(60, {10, 45})), hit(0, 0));
}

TEST_F(StoreAccounts, TheWholeCacheAndOtherTagsAreJudgedAsEver) {
    publish(3, 30, snapshot(10));
    cache_.write_whole(10);
    EXPECT_EQ(read(snapshot(11, {10})), hit(3, 30));
    EXPECT_EQ(read(snapshot(11)), none(LookupResult::kContradicted));
    ASSERT_EQ(publish(4, 40, snapshot(11)), PublishResult::kPublished);
    EXPECT_EQ(read(snapshot(11)), hit(4, 40));
    cache_.write_whole(11, true);
    EXPECT_EQ(read(snapshot(12, {11})), none(LookupResult::kUnusable));
}

TEST_F(StoreAccounts, ValuesThatWereMadeOfItAreOutdated) {
    publish(3, 30, snapshot(10));
    const TestCache outer(*store_, 9);
    Options options;
    options.tags = {{cache_.hash(kKey), true}};
    ASSERT_EQ(outer.put("board", "33", snapshot(10), options), PublishResult::kPublished);
    write(10, 1, 7);
    EXPECT_EQ(outer.get("board", snapshot(11, {10})).value, "33");
    EXPECT_EQ(outer.get("board", snapshot(11)).result, LookupResult::kContradicted);
    EXPECT_EQ(read(snapshot(11)), hit(4, 37));
}

TEST_F(StoreAccounts, AHitTakesNoLock) {
    write(5, 1, 1);
    publish(3, 30, snapshot(10));
    for (std::uint32_t i = 0; i < 2 * kCountedHits; ++i) read(snapshot(10));
    const std::uint64_t before = TestLocks::taken();
    EXPECT_EQ(read(snapshot(10)), hit(3, 30));
    EXPECT_EQ(TestLocks::taken(), before);
    // Nor with deltas.
    write(10, 1, 7);
    const std::uint64_t written = TestLocks::taken();
    EXPECT_EQ(read(snapshot(11)), hit(4, 37));
    EXPECT_EQ(read(snapshot(11, {10})), hit(3, 30));
    EXPECT_EQ(TestLocks::taken(), written);
    // Nor with an account open beside it.
    open(snapshot(10));
    const std::uint64_t opened = TestLocks::taken();
    EXPECT_EQ(read(snapshot(10)), hit(3, 30));
    EXPECT_EQ(TestLocks::taken(), opened);
}

TEST_F(StoreAccounts, ARefreshCarriesOnWithTheDeltas) {
    publish(3, 30, snapshot(10));
    write(10, 1, 1);  // runs all the time
    write(11, 1, 2);
    Fill fill;
    fill.replace = true;
    const HeldSnapshot f = snapshot(12, {10});
    const Opened opened = open(f);
    write(12, 1, 4);
    EXPECT_EQ(read(snapshot(13, {10})), hit(5, 36));
    ASSERT_EQ(publish(4, 32, f, opened.account, fill), PublishResult::kPublished);
    EXPECT_EQ(read(snapshot(13, {10})), hit(5, 36));
    EXPECT_EQ(read(snapshot(13)), hit(6, 37));
    EXPECT_EQ(read(f), hit(4, 32));
    EXPECT_EQ(read(snapshot(12, {10, 11})), none(LookupResult::kContradicted));  // 11 is in it
    EXPECT_TRUE(settled_check(*store_));
}

TEST_F(StoreAccounts, AnOlderSnapshotDoesNotReplaceAValueThatContainsMore) {
    publish(4, 40, snapshot(11));
    FakeClock::advance(1);
    cache_.write(kKey, 12);
    ASSERT_EQ(publish(5, 50, snapshot(13)), PublishResult::kPublished);
    write(13, 1, 1);
    EXPECT_EQ(publish(4, 40, snapshot(12)), PublishResult::kUnusable);
    EXPECT_EQ(open(snapshot(12)).result, PublishResult::kUnusable);
    EXPECT_EQ(read(snapshot(14)), hit(6, 51));
}

TEST_F(StoreAccounts, AnEarlierLoadDoesNotReplaceAValueThatServesAll) {
    FakeClock::advance(10);
    ASSERT_EQ(publish(5, 50, snapshot(13)), PublishResult::kPublished);
    write(13, 1, 1);
    FakeClock::advance(-5);
    EXPECT_EQ(publish(5, 50, snapshot(13)), PublishResult::kSuperseded);
    EXPECT_EQ(read(snapshot(14)), hit(6, 51));
}

TEST_F(StoreAccounts, WhatHasExpiredIsNeverServedAsAnOldValue) {
    store_->set_limits(cache_.index(), {0, 0, kNoCache, 1000});
    Fill fill;
    fill.expires_at = FakeClock::time + 10;
    publish(3, 30, snapshot(10), 0, fill);
    write(10, 1, 7);
    FakeClock::advance(20);
    Sums got;
    LookupOptions options = {reinterpret_cast<std::uint8_t*>(got.amounts), sizeof(got.amounts)};
    options.deltas = deltas_.get();
    options.old = OldValues::kStale;
    const auto look = [&] {
        return store_->lookup(cache_.index(), cache_.view(kKey), snapshot(11), options);
    };
    EXPECT_EQ(look().result, LookupResult::kExpired);
    cache_.write(kKey, 9);
    EXPECT_EQ(look().result, LookupResult::kExpired);
}

TEST_F(StoreAccounts, WhyAValueIsNotServed) {
    publish(3, 30, snapshot(10));
    cache_.write(kKey, 10);
    EntryTags tags;
    const Blame blame = store_->blame(cache_.index(), cache_.view(kKey), snapshot(11), &tags);
    EXPECT_EQ(blame.rule, Rule::kDisagreement);
    EXPECT_EQ(blame.xid, 10U);
    EXPECT_EQ(blame.tag, cache_.hash(kKey));
    EXPECT_FALSE(store_->predecessor(cache_.index(), cache_.view(kKey), {nullptr, 0, true}).known);
}

TEST_F(StoreAccounts, OnlyAmountsArePublishedAsSuch) {
    const std::uint8_t bytes[16 * (kMaxAmounts + 1)] = {};
    const auto attempt = [&](std::uint32_t amounts, std::uint32_t size, Xid self, bool null) {
        Fill fill;
        fill.cache = cache_.index();
        fill.cache_id = cache_.id();
        fill.key = cache_.view(kKey);
        fill.value = bytes;
        fill.value_bytes = size;
        fill.amounts = amounts;
        fill.self = self;
        fill.is_null = null;
        return store_->publish(fill, snapshot(10));
    };
    EXPECT_EQ(attempt(2, 31, 0, false), PublishResult::kUnusable);
    EXPECT_EQ(attempt(2, 32, 3, false), PublishResult::kUnusable);
    EXPECT_EQ(attempt(2, 32, 0, true), PublishResult::kUnusable);
    EXPECT_EQ(attempt(kMaxAmounts + 1, 16 * (kMaxAmounts + 1), 0, false), PublishResult::kUnusable);
    EXPECT_EQ(attempt(kMaxAmounts, 16 * kMaxAmounts, 0, false), PublishResult::kPublished);
}

TEST_F(StoreAccounts, TheyHaveNoRangedTags) {
    const Tag tag = cache_.hash("group");
    const bool ranged = true;
    const Span span;
    Fill fill;
    fill.tags = &tag;
    fill.tag_ranged = &ranged;
    fill.tag_span = &span;
    fill.tag_count = 1;
    EXPECT_EQ(publish(1, 1, snapshot(10), 0, fill), PublishResult::kUnusable);
    EXPECT_TRUE(settled_check(*store_));
}

TEST_F(StoreAccounts, ACacheThatGoesTakesItsAccountsAlong) {
    publish(3, 30, snapshot(10));
    const Opened opened = open(snapshot(10));
    open(snapshot(10), false, "user 2");
    store_->release(cache_.index(), cache_.id());
    EXPECT_EQ(publish(3, 30, snapshot(10), opened.account), PublishResult::kNoCache);
    write(10, 1, 1);
    const TestCache again(*store_, 7);
    EXPECT_EQ(again.control().used_entries, 0U);
    EXPECT_EQ(again.control().account_lines, 0);
    EXPECT_TRUE(settled_check(*store_));
}

TEST_F(StoreAccounts, BudgetsBoundThem) {
    store_->set_limits(cache_.index(), {3, 0, kNoCache});
    for (int i = 0; i < 20; ++i) {
        const std::string key = "user " + std::to_string(i);
        const Opened opened = open(snapshot(10), false, key);
        ASSERT_EQ(opened.result, PublishResult::kPublished);
        ASSERT_EQ(publish(i, i, snapshot(10), opened.account, {}, key), PublishResult::kPublished);
        ASSERT_LE(cache_.control().used_entries, 3U);
        ASSERT_EQ(read(snapshot(10), key), hit(i, i));
    }
    EXPECT_TRUE(settled_check(*store_));
}

TEST_F(StoreAccounts, ALoadTakesNobodysPlace) {
    store_->set_limits(cache_.index(), {3, 0, kNoCache});
    const std::string keys[] = {"user 1", "user 2", "user 3"};
    for (int round = 0; round < 3; ++round) {
        for (const std::string& key : keys) {
            const Opened opened = open(snapshot(10), false, key);
            ASSERT_EQ(opened.result, PublishResult::kPublished);
            ASSERT_TRUE(store_->check());
            Fill fill;
            fill.replace = true;
            ASSERT_EQ(publish(round, 1, snapshot(10), opened.account, fill, key),
                      PublishResult::kPublished);
        }
    }
    for (const std::string& key : keys) EXPECT_EQ(read(snapshot(10), key), hit(2, 1));
    // Nor do loads that never end.
    for (int i = 0; i < 20; ++i) open(snapshot(10), false, "other " + std::to_string(i));
    EXPECT_EQ(cache_.control().live_entries, 3U);
    EXPECT_EQ(cache_.control().counters.totals()[Counter::kEvictions], 0U);
    EXPECT_EQ(store_->remove_all(cache_.index()), 3U);
    EXPECT_EQ(cache_.control().open_entries, 0U);
    EXPECT_TRUE(settled_check(*store_));
}

}  // namespace
}  // namespace cache_ext::core::test
