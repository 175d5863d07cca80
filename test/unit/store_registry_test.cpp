// Caches come and go; and what is done to all entries of one.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const HeldSnapshot kAll = snapshot(100);

class StoreRegistry : public testing::Test {
  protected:
    void TearDown() override { EXPECT_TRUE(settled_check(*store)); }
    std::uint64_t entries(const TestCache& cache) { return cache.control().live_entries; }

    TestStore store{Store::min_bytes({3}), 3};
};

TEST_F(StoreRegistry, FormatRefusesBlocksThatAreNullMisalignedOrTooSmall) {
    const StoreOptions options = {3};
    const std::size_t least = Store::min_bytes(options);
    EXPECT_FALSE(Store::format(nullptr, least, options));
    EXPECT_FALSE(Store::format(store.block() + 16, least, options));
    EXPECT_FALSE(Store::format(store.block(), least - 1, options));
    EXPECT_FALSE(Store::format(store.block(), least, StoreOptions{0}));
}

TEST_F(StoreRegistry, ACacheIsFoundByDatabaseAndId) {
    bool created = false;
    const CacheIndex a = store->attach({1, 10, mix(1)}, next_is<3>, &created);
    EXPECT_TRUE(created);
    const CacheIndex b = store->attach({2, 10, mix(2)}, next_is<3>, &created);
    EXPECT_TRUE(created);
    EXPECT_NE(a, b);
    EXPECT_EQ(store->attach({1, 10, mix(1)}, next_is<3>, &created), a);
    EXPECT_FALSE(created);
    EXPECT_EQ(store->find(1, 10), a);
    EXPECT_EQ(store->find(2, 10), b);
    EXPECT_EQ(store->find(3, 10), kNoCache);
    EXPECT_EQ(store->find(1, 11), kNoCache);
    EXPECT_TRUE(store->is(a, 10));
    EXPECT_FALSE(store->is(a, 11));
    EXPECT_FALSE(store->is(kNoCache, 10));
}

TEST_F(StoreRegistry, WhatIsKnownOfADeclarationGoesWithTheCacheAndItsGeneration) {
    bool created = false;
    const CacheIndex a = store->attach({1, 10, mix(1), Xid{77}}, next_is<3>, &created);
    const CacheControl* c = store->control(a);
    EXPECT_EQ(c->unsettled, Xid{77});
    EXPECT_EQ(store->attach({1, 10, mix(1), kUnsettled}, next_is<3>, &created), a);
    EXPECT_EQ(c->unsettled, Xid{77}) << "whoever finds it has nothing to say";
    store->settle(a, {10, c->generation, kUnsettled, kSettled});
    EXPECT_EQ(c->unsettled, Xid{77}) << "somebody else has spoken meanwhile";
    store->settle(a, {10, c->generation + 1, Xid{77}, kSettled});
    store->settle(a, {11, c->generation, Xid{77}, kSettled});
    EXPECT_EQ(c->unsettled, Xid{77}) << "that was said of another";
    store->settle(a, {10, c->generation, Xid{77}, kSettled});
    EXPECT_EQ(c->unsettled, kSettled);
    store->unsettle(a, 11, Xid{78});
    EXPECT_EQ(c->unsettled, kSettled);
    store->unsettle(a, 10, Xid{78});
    EXPECT_EQ(c->unsettled, Xid{78});

    const std::uint32_t generation = c->generation;
    store->release(a, 10, generation + 1);
    EXPECT_TRUE(store->is(a, 10));
    store->release(a, 10, generation);
    EXPECT_FALSE(store->is(a, 10));
    store->unsettle(a, 10, Xid{79});
    ASSERT_EQ(store->attach({1, 10, mix(1)}, next_is<3>, &created), a);
    EXPECT_EQ(c->unsettled, kSettled);
    store->release(a, 10, generation);
    EXPECT_TRUE(store->is(a, 10)) << "it was made anew";
}

TEST_F(StoreRegistry, OneCacheTooManyIsRefusedAndRemembered) {
    for (std::uint64_t id = 1; id <= 3; ++id) const TestCache cache(*store, id);
    EXPECT_FALSE(store->exhausted());
    bool created = true;
    EXPECT_EQ(store->attach({1, 4, mix(4)}, next_is<3>, &created), kNoCache);
    EXPECT_FALSE(created);
    EXPECT_TRUE(store->exhausted());
    store->release(store->find(1, 2), 2);
    EXPECT_NE(store->attach({1, 4, mix(4)}, next_is<3>, &created), kNoCache);
    EXPECT_TRUE(store->exhausted()) << "that writers may have been missed stays true";
}

TEST_F(StoreRegistry, OneOwnerOrDatabaseHasSoManyAndOthersStillGetTheirs) {
    bool created;
    const auto attach = [&](std::uint32_t database, std::uint64_t id, const Quota& quota) {
        return store->attach({database, id, mix(id), kSettled, quota}, next_is<3>, &created);
    };
    const CacheIndex first = attach(1, 1, {7, 1, 2});
    EXPECT_NE(first, kNoCache);
    EXPECT_EQ(attach(1, 1, {7, 1, 2}), first) << "what is there is there";
    EXPECT_EQ(attach(1, 2, {7, 1, 2}), kNoCache) << "the owner has one";
    EXPECT_EQ(attach(2, 2, {7, 1, 2}), kNoCache) << "wherever it is";
    EXPECT_TRUE(store->exhausted());
    EXPECT_NE(attach(1, 3, {8, 1, 2}), kNoCache);
    EXPECT_EQ(attach(1, 4, {9, 1, 2}), kNoCache) << "the database has two";
    EXPECT_EQ(attach(1, 4, {0, 1, 2}), kNoCache);
    EXPECT_NE(attach(2, 4, {9, 1, 2}), kNoCache);
    store->set_owner(first, 1, 9);
    store->release(store->find(2, 4), 4);
    EXPECT_NE(attach(2, 2, {7, 1, 2}), kNoCache) << "it is another's now";
}

TEST_F(StoreRegistry, AnIndexOfAReleasedCacheNeitherPublishesNorReads) {
    const TestCache old(*store, 1);
    ASSERT_EQ(old.put("k", "v", kAll), PublishResult::kPublished);
    store->release(old.index(), 1);
    EXPECT_EQ(old.put("k", "v", kAll), PublishResult::kNoCache);
    EXPECT_EQ(old.get("k", kAll).result, LookupResult::kAbsent);
    const TestCache next(*store, 2);
    ASSERT_EQ(next.index(), old.index());
    EXPECT_EQ(old.put("k", "v", kAll), PublishResult::kNoCache);
    EXPECT_EQ(old.get("k", kAll).result, LookupResult::kAbsent);
    EXPECT_EQ(next.get("k", kAll).result, LookupResult::kAbsent);
    EXPECT_EQ(entries(next), 0U);
    old.write_whole(50, true);
    EXPECT_TRUE(store->usable(next.index(), snapshot(50))) << "a writer of the cache that is gone";
    store->release(old.index(), 1);
    EXPECT_EQ(store->find(1, 2), next.index()) << "released by the wrong id";
}

TEST_F(StoreRegistry, ReleasingTakesTheEntriesAndAllMemoryBack) {
    const std::uint64_t before = store->stats().arena.allocated_bytes;
    {
        const TestCache cache(*store, 1, {10, 0, kNoCache});
        for (int i = 0; i < 200; ++i) {
            ASSERT_EQ(
                cache.put(std::to_string(i), std::string(100, 'v'), kAll, {.tags = {{mix(7)}}}),
                PublishResult::kPublished);
        }
        store->release(cache.index(), 1);
    }
    EXPECT_EQ(store->stats().arena.allocated_bytes, before);
}

TEST_F(StoreRegistry, ReleasingADatabaseLeavesTheOthers) {
    const TestCache a(*store, 1, {0, 0, kNoCache}, 1), b(*store, 2, {0, 0, kNoCache}, 2),
        c(*store, 3, {0, 0, kNoCache}, 1);
    for (const TestCache* cache : {&a, &b, &c}) {
        ASSERT_EQ(cache->put("k", "v", kAll), PublishResult::kPublished);
    }
    store->release_database(1);
    EXPECT_EQ(store->find(1, 1), kNoCache);
    EXPECT_EQ(store->find(1, 3), kNoCache);
    EXPECT_EQ(store->find(2, 2), b.index());
    EXPECT_EQ(b.get("k", kAll).value, "v");
}

TEST_F(StoreRegistry, EntriesInAReleasedBudgetGoAndItsUsersFallBackOnTheirOwn) {
    const TestCache owner(*store, 1, {50, 0, kNoCache});
    const TestCache guest(*store, 2, {0, 0, owner.index()});
    ASSERT_EQ(guest.put("k", "v", kAll), PublishResult::kPublished);
    EXPECT_EQ(owner.control().used_entries, 1U);
    store->release(owner.index(), 1);
    EXPECT_EQ(guest.get("k", kAll).result, LookupResult::kAbsent);
    ASSERT_EQ(guest.put("k", "v", kAll), PublishResult::kPublished);
    EXPECT_EQ(owner.control().used_entries, 0U) << "charged to a block that nobody owns";
    EXPECT_EQ(guest.control().used_entries, 1U);
}

// A nested read made an entry depend on another cache as a whole. When that one goes, the ring
// that speaks against the entry goes too, and the next owner of the block knows nothing.
TEST_F(StoreRegistry, EntriesThatDependOnAReleasedCacheGo) {
    const TestCache outer(*store, 1), inner(*store, 2);
    const Options nested = {.tags = {{inner.whole(), false, inner.index()}}};
    ASSERT_EQ(outer.put("k", "old", kAll, nested), PublishResult::kPublished);
    inner.write_whole(50, true);
    EXPECT_EQ(outer.peek("k", kAll), LookupResult::kContradicted);
    store->release(inner.index(), 2);
    const TestCache next(*store, 3);
    ASSERT_EQ(next.index(), inner.index());
    EXPECT_EQ(outer.peek("k", kAll), LookupResult::kAbsent);
    EXPECT_EQ(outer.put("k", "old", kAll, nested), PublishResult::kNoCache);
}

TEST_F(StoreRegistry, ANewCacheServesNobodyUntilItIsTrusted) {
    bool created;
    const CacheIndex index =
        store->attach({1, 9, mix(std::uint64_t{9} * 1000003)}, next_is<60>, &created);
    const HeldSnapshot old = snapshot(60, {59}), young = snapshot(61);
    EXPECT_FALSE(store->usable(index, old));
    EXPECT_TRUE(store->usable(index, young)) << "sees all that may have been missed";
    const TestCache cache(*store, 9);
    EXPECT_EQ(cache.put("k", "v", old), PublishResult::kUnusable);
    ASSERT_EQ(cache.put("k", "v", young), PublishResult::kPublished);
    EXPECT_EQ(cache.peek("k", old), LookupResult::kUnusable);
    store->trust(index);
    EXPECT_TRUE(store->usable(index, old));
    EXPECT_EQ(cache.peek("k", old), LookupResult::kHit);
}

TEST_F(StoreRegistry, DistrustIsForGood) {
    const TestCache cache(*store, 1);
    ASSERT_EQ(cache.put("k", "v", kAll), PublishResult::kPublished);
    store->distrust(cache.index(), 120);
    EXPECT_EQ(cache.peek("k", kAll), LookupResult::kUnusable);
    store->trust(cache.index());
    EXPECT_EQ(cache.peek("k", kAll), LookupResult::kUnusable);
    EXPECT_EQ(cache.peek("k", snapshot(120)), LookupResult::kContradicted) << "older than that";
    EXPECT_EQ(cache.put("k", "v", kAll), PublishResult::kUnusable);
    ASSERT_EQ(cache.put("k", "v", snapshot(120)), PublishResult::kPublished);
    EXPECT_EQ(cache.peek("k", snapshot(120)), LookupResult::kHit);
}

TEST_F(StoreRegistry, RemovesTheEntriesOfOneCache) {
    const TestCache cache(*store, 1), other(*store, 2);
    for (int i = 0; i < 40; ++i) {
        ASSERT_EQ(cache.put(std::to_string(i), "v", kAll), PublishResult::kPublished);
        ASSERT_EQ(other.put(std::to_string(i), "v", kAll), PublishResult::kPublished);
    }
    EXPECT_TRUE(store->remove(cache.index(), cache.view("7")));
    EXPECT_FALSE(store->remove(cache.index(), cache.view("7")));
    EXPECT_EQ(store->remove_all(cache.index()), 39U);
    EXPECT_EQ(store->remove_all(cache.index()), 0U);
    EXPECT_EQ(entries(cache), 0U);
    EXPECT_EQ(cache.control().live_bytes, 0U);
    EXPECT_EQ(entries(other), 40U);
}

TEST_F(StoreRegistry, ASweepFreesWhatHasExpiredInBoundedSteps) {
    const TestCache cache(*store, 1);
    std::uint64_t hash = 5;  // partition 5, spread over its buckets
    for (int i = 0; i < 60; ++i, hash += kPartitions) {
        ASSERT_EQ(cache.put(std::to_string(i), "v", kAll,
                            {.expires_at = i % 2 == 0 ? 2000 : 2001, .hash = hash}),
                  PublishResult::kPublished);
    }
    FakeClock::set(2000);
    std::uint32_t cursor = 0, freed = 0;
    EXPECT_EQ(store->sweep(4, &cursor, 1000), 0U);
    EXPECT_EQ(cursor, 0U);
    int steps = 0;
    do {
        const std::uint32_t n = store->sweep(5, &cursor, 8);
        EXPECT_LT(n, 16U) << "a step looks at little more than it was asked to";
        freed += n;
        ++steps;
    } while (cursor != 0);
    EXPECT_EQ(freed, 30U);
    EXPECT_GE(steps, 4);
    EXPECT_EQ(entries(cache), 30U);
    EXPECT_EQ(cache.control().counters.totals()[Counter::kExpirations], 30U);
    hash = 5;
    for (int i = 0; i < 60; ++i, hash += kPartitions) {
        EXPECT_EQ(cache.peek(std::to_string(i), kAll, hash),
                  i % 2 == 0 ? LookupResult::kAbsent : LookupResult::kHit);
    }
}

// Whoever sweeps holds up the readers of the partition.
TEST_F(StoreRegistry, ASweepIsBoundedWhereThereIsNothingAsWell) {
    TestStore large(std::size_t{16} << 20);
    std::uint32_t cursor = 0;
    int calls = 0;
    do {
        EXPECT_EQ(large->sweep(4, &cursor, 1), 0U);
        ++calls;
    } while (cursor != 0);
    EXPECT_GE(calls, 4) << "of 16 buckets each";
}

TEST_F(StoreRegistry, ListShowsEveryEntryWithItsState) {
    const TestCache cache(*store, 1);
    ASSERT_EQ(cache.put("good", "v", kAll), PublishResult::kPublished);
    ASSERT_EQ(cache.put("expired", "v", kAll, {.expires_at = 1500}), PublishResult::kPublished);
    ASSERT_EQ(cache.put("outdated", "v", kAll), PublishResult::kPublished);
    cache.write("outdated", 50);
    (void)cache.get("good", kAll);
    FakeClock::set(1500);
    std::map<std::string, EntryInfo> seen;
    for (std::uint32_t p = 0; p < kPartitions; ++p) {
        EntryInfo info[8];
        std::uint8_t keys[256];
        Listing listing = {info, 8, keys, sizeof(keys)};
        const std::uint32_t n = store->list(p, kAll, &listing);
        const std::uint8_t* key = keys;
        for (std::uint32_t i = 0; i < n; key += info[i++].key_bytes) {
            seen[std::string(key, key + info[i].key_bytes)] = info[i];
        }
        EXPECT_EQ(static_cast<std::uint32_t>(key - keys), listing.keys_needed);
    }
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_EQ(seen["good"].result, LookupResult::kHit);
    EXPECT_EQ(seen["good"].hits, 1U);
    EXPECT_EQ(seen["good"].hash, cache.hash("good"));
    EXPECT_EQ(seen["expired"].result, LookupResult::kExpired);
    EXPECT_EQ(seen["expired"].expires_at, 1500);
    EXPECT_EQ(seen["outdated"].result, LookupResult::kContradicted);
}

TEST_F(StoreRegistry, ListCountsWhatDoesNotFit) {
    const TestCache cache(*store, 1);
    for (Tag i = 0; i < 5; ++i) {
        ASSERT_EQ(cache.put("12345678", "v", kAll, {.hash = 9 + kPartitions * (i + 1)}),
                  PublishResult::kPublished);
    }
    EntryInfo info[8] = {};
    std::uint8_t keys[24];
    Listing listing = {info, 2, keys, sizeof(keys)};
    EXPECT_EQ(store->list(9, kAll, &listing), 5U);
    EXPECT_EQ(listing.keys_needed, 40U);
    EXPECT_EQ(info[2].key_bytes, 0U);
    listing.capacity = 8;
    EXPECT_EQ(store->list(9, kAll, &listing), 5U);
    EXPECT_EQ(info[2].key_bytes, 8U);
    EXPECT_EQ(info[3].key_bytes, 0U) << "its key found no room";
    Listing nothing;
    EXPECT_EQ(store->list(9, kAll, &nothing), 5U);
}

TEST_F(StoreRegistry, CountersAddUpOverStripesAndReset) {
    const TestCache cache(*store, 1);
    Counters& counters = cache.control().counters;
    for (std::uint32_t stripe = 0; stripe < 20; ++stripe) counters.add(stripe, Counter::kHits, 2);
    counters.bypassed(3, Bypass::kOwnWrite);
    EXPECT_EQ(counters.totals()[Counter::kHits], 40U);
    EXPECT_EQ(counters.totals()[Counter::kBypasses], 1U);
    EXPECT_EQ(counters.totals().bypass[static_cast<int>(Bypass::kOwnWrite)], 1U);
    FakeClock::set(7000);
    store->reset_stats(cache.index());
    EXPECT_EQ(counters.totals()[Counter::kHits], 0U);
    EXPECT_EQ(counters.totals().bypass[static_cast<int>(Bypass::kOwnWrite)], 0U);
    EXPECT_EQ(cache.control().stats_reset, 7000);
}

TEST_F(StoreRegistry, TheLastErrorIsCutToSizeAndForgottenWithTheCache) {
    const TestCache cache(*store, 1);
    char text[kMaxErrorBytes];
    store->set_last_error(cache.index(), "division by zero");
    store->last_error(cache.index(), text);
    EXPECT_STREQ(text, "division by zero");
    store->set_last_error(cache.index(), std::string(1000, 'e').c_str());
    store->last_error(cache.index(), text);
    EXPECT_EQ(std::strlen(text), kMaxErrorBytes - 1);
    store->reset_stats(cache.index());
    store->last_error(cache.index(), text);
    EXPECT_STREQ(text, "");
    store->set_last_error(cache.index(), "of the old one");
    store->release(cache.index(), 1);
    const TestCache next(*store, 2);
    store->last_error(next.index(), text);
    EXPECT_STREQ(text, "");
}

}  // namespace
}  // namespace cache_ext::core::test
