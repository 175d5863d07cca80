// Relations that loaders read without a declaration: who is found by a writer, and who is served.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const HeldSnapshot kAll = snapshot(1000);
constexpr RelationKey kCalls = relation_key(1, 16384);
constexpr RelationKey kLeads = relation_key(1, 16385);

std::set<CacheIndex> readers_of(const Store& store, RelationKey relation) {
    std::set<CacheIndex> all;
    TrackingCaches caches = store.tracking(relation);
    for (CacheIndex i = caches.next(); i != kNoCache; i = caches.next()) all.insert(i);
    return all;
}

class StoreTracked : public testing::Test {
  protected:
    void TearDown() override { EXPECT_TRUE(settled_check(*store)); }
    bool track(const TestCache& c, RelationKey relation) {
        return store->announce(relation, c.index(), c.id()) &&
               store->complete(relation, c.index(), c.id(), next_is<100>);
    }

    TestStore store;
    TestCache cache{*store, 5};
    TestCache other{*store, 6};
};

TEST_F(StoreTracked, AWriterFindsWhoeverReads) {
    EXPECT_EQ(readers_of(*store, kCalls), std::set<CacheIndex>{});
    EXPECT_TRUE(store->announce(kCalls, cache.index(), cache.id()));
    EXPECT_EQ(readers_of(*store, kCalls), std::set<CacheIndex>{cache.index()});
    EXPECT_TRUE(track(other, kCalls));
    EXPECT_TRUE(track(other, kLeads));
    EXPECT_EQ(readers_of(*store, kCalls), (std::set<CacheIndex>{cache.index(), other.index()}));
    EXPECT_EQ(readers_of(*store, kLeads), std::set<CacheIndex>{other.index()});
    EXPECT_EQ(readers_of(*store, relation_key(2, 16384)), std::set<CacheIndex>{});
    EXPECT_EQ(store->tracked_relations(1, nullptr), 2U);
}

TEST_F(StoreTracked, OnlyWhoSeesAllFromBeforeIsServed) {
    const std::uint64_t before = store->tracked_changes();
    EXPECT_FALSE(store->is_tracked(kCalls, cache.index()));
    ASSERT_TRUE(store->announce(kCalls, cache.index(), cache.id()));
    EXPECT_FALSE(store->is_tracked(kCalls, cache.index()));
    ASSERT_TRUE(store->complete(kCalls, cache.index(), cache.id(), next_is<100>));
    EXPECT_TRUE(store->is_tracked(kCalls, cache.index()));
    EXPECT_FALSE(store->is_tracked(kCalls, other.index()));
    EXPECT_GT(store->tracked_changes(), before);
    EXPECT_EQ(cache.put("k", "v", snapshot(120, {99})), PublishResult::kUnusable);
    EXPECT_EQ(other.put("k", "v", snapshot(120, {99})), PublishResult::kPublished);
    ASSERT_EQ(cache.put("k", "v", snapshot(120, {110})), PublishResult::kPublished);
    EXPECT_EQ(cache.peek("k", snapshot(130, {100})), LookupResult::kHit);
    EXPECT_NE(cache.peek("k", snapshot(130, {99})), LookupResult::kHit);
    // Once more it changes nothing.
    ASSERT_TRUE(store->complete(kCalls, cache.index(), cache.id(), next_is<500>));
    EXPECT_EQ(cache.peek("k", snapshot(130, {100})), LookupResult::kHit);
}

TEST_F(StoreTracked, WhatIsDisprovenBindsWhoHadLookedBefore) {
    const std::uint64_t before = store->tracked_changes();
    const auto& disproven = store->control(cache.index())->disproven;
    EXPECT_FALSE(store->is_disproven(cache.index(), 7));
    EXPECT_FALSE(store->disprove(cache.index(), cache.id() + 1, 7, next_is<100>));
    ASSERT_TRUE(store->disprove(cache.index(), cache.id(), 7, next_is<100>));
    EXPECT_TRUE(store->is_disproven(cache.index(), 7));
    EXPECT_FALSE(store->is_disproven(cache.index(), 8));
    EXPECT_FALSE(store->is_disproven(other.index(), 7));
    EXPECT_GT(store->tracked_changes(), before);
    EXPECT_EQ(cache.put("k", "v", snapshot(120, {99})), PublishResult::kUnusable);
    ASSERT_EQ(cache.put("k", "v", snapshot(120, {110})), PublishResult::kPublished);
    EXPECT_NE(cache.peek("k", snapshot(130, {99})), LookupResult::kHit);
    // Once more, or of an older derivation, changes nothing; of a newer one it does.
    ASSERT_TRUE(store->disprove(cache.index(), cache.id(), 7, next_is<500>));
    ASSERT_TRUE(store->disprove(cache.index(), cache.id(), 6, next_is<500>));
    EXPECT_EQ(load_relaxed(disproven), 7U);
    EXPECT_EQ(cache.peek("k", snapshot(130, {110})), LookupResult::kHit);
    ASSERT_TRUE(store->disprove(cache.index(), cache.id(), 9, next_is<200>));
    EXPECT_EQ(load_relaxed(disproven), 9U);
    EXPECT_NE(cache.peek("k", snapshot(130, {110})), LookupResult::kHit);
    EXPECT_TRUE(store->is_disproven(cache.index(), 7));
}

TEST_F(StoreTracked, ValuesThatReadSomethingElseStay) {
    ASSERT_EQ(cache.put("k", "v", snapshot(50)), PublishResult::kPublished);
    ASSERT_TRUE(track(cache, kCalls));
    EXPECT_EQ(cache.peek("k", kAll), LookupResult::kHit);
}

TEST_F(StoreTracked, NothingIsCompleteThatWasNotAnnouncedOrIsGone) {
    EXPECT_FALSE(store->complete(kCalls, cache.index(), cache.id(), next_is<100>));
    EXPECT_FALSE(store->announce(kCalls, cache.index(), cache.id() + 1));
    ASSERT_TRUE(store->announce(kCalls, cache.index(), cache.id()));
    EXPECT_FALSE(store->complete(kCalls, cache.index(), cache.id() + 1, next_is<100>));
    store->release(cache.index(), cache.id());
    EXPECT_FALSE(store->complete(kCalls, cache.index(), cache.id(), next_is<100>));
    EXPECT_EQ(readers_of(*store, kCalls), std::set<CacheIndex>{});
}

TEST_F(StoreTracked, ACacheThatGoesLeavesNothingToTheNextOne) {
    ASSERT_TRUE(track(cache, kCalls));
    ASSERT_TRUE(track(other, kCalls));
    store->release(cache.index(), cache.id());
    const TestCache next(*store, 7);
    ASSERT_EQ(next.index(), cache.index());
    EXPECT_FALSE(store->is_tracked(kCalls, next.index()));
    EXPECT_EQ(readers_of(*store, kCalls), std::set<CacheIndex>{other.index()});
    EXPECT_EQ(next.put("k", "v", snapshot(20)), PublishResult::kPublished);
}

TEST_F(StoreTracked, ThereIsRoomForSoManyAndForMoreOnceSomeAreGone) {
    const std::uint32_t most = store->max_tracked() - store->max_tracked() / 10;
    for (std::uint32_t i = 0; i < most; ++i) ASSERT_TRUE(track(cache, relation_key(1, i + 1)));
    EXPECT_FALSE(track(cache, kCalls));
    EXPECT_TRUE(track(other, relation_key(2, 1))) << "the rest is for other databases";
    EXPECT_TRUE(track(other, relation_key(1, 1))) << "that one has its place already";
    store->forget_relation(relation_key(1, 1));
    EXPECT_FALSE(store->is_tracked(relation_key(1, 1), cache.index()));
    EXPECT_TRUE(track(cache, kCalls));
    std::vector<RelationKey> all(store->max_tracked());
    EXPECT_EQ(store->tracked_relations(1, all.data()), most);
    EXPECT_EQ(store->tracked_relations(2, all.data()), 1U);
}

TEST(StoreTrackedWide, CachesBeyondTheFirstWordAreFound) {
    TestStore store(Store::min_bytes({200}), 200);
    std::vector<TestCache> caches;
    for (std::uint64_t id = 1; id <= 200; ++id) caches.emplace_back(*store, id);
    std::set<CacheIndex> expected;
    for (const std::size_t i : {0, 1, 63, 64, 127, 128, 199}) {
        ASSERT_TRUE(store->announce(kCalls, caches[i].index(), caches[i].id()));
        expected.insert(caches[i].index());
    }
    EXPECT_EQ(readers_of(*store, kCalls), expected);
}

// Against a map, with more relations than places and much coming and going.
TEST_F(StoreTracked, WhateverComesAndGoesTheTableSaysWhatAMapSays) {
    std::mt19937 random(7);
    const std::vector<TestCache*> caches = {&cache, &other};
    std::map<RelationKey, std::set<CacheIndex>> truth;
    for (int step = 0; step < 20000; ++step) {
        const RelationKey relation = relation_key(1, 1 + random() % 90 * 64);
        TestCache* c = caches[random() % 2];
        switch (random() % 8) {
            case 0:
                store->forget_relation(relation);
                truth.erase(relation);
                break;
            case 1:
                if (random() % 50 != 0) break;
                store->release(c->index(), c->id());
                for (auto& [key, readers] : truth) readers.erase(c->index());
                std::erase_if(truth, [](const auto& entry) { return entry.second.empty(); });
                *c = TestCache(*store, 10 + random());
                break;
            default:
                if (store->announce(relation, c->index(), c->id())) {
                    truth[relation].insert(c->index());
                } else {
                    ASSERT_GE(truth.size(), store->max_tracked() - store->max_tracked() / 10);
                }
        }
        if (step % 50 != 0) continue;
        ASSERT_EQ(store->tracked_relations(1, nullptr), truth.size());
        for (std::uint32_t r = 0; r < 90; ++r) {
            const RelationKey key = relation_key(1, 1 + r * 64);
            const auto found = truth.find(key);
            ASSERT_EQ(readers_of(*store, key),
                      found != truth.end() ? found->second : std::set<CacheIndex>{});
        }
    }
}

// Writers look without a lock, while others come and go around what they look for.
TEST_F(StoreTracked, WhoIsTrackedIsFoundWhateverHappensAround) {
    ASSERT_TRUE(track(cache, kCalls));
    std::atomic<bool> stop = false;
    std::atomic<std::uint64_t> missed = 0, looks = 0;
    std::vector<std::thread> writers;
    for (int t = 0; t < 2; ++t) {
        writers.emplace_back([&] {
            while (!stop) {
                missed += readers_of(*store, kCalls).contains(cache.index()) ? 0 : 1;
                ++looks;
            }
        });
    }
    std::mt19937 random(3);
    for (int i = 0; i < 20000 || looks < 1000; ++i) {
        const RelationKey relation = relation_key(1, 1 + random() % 80);
        if (random() % 2 == 0) {
            store->announce(relation, other.index(), other.id());
        } else {
            store->forget_relation(relation);
        }
    }
    stop = true;
    for (std::thread& w : writers) w.join();
    EXPECT_EQ(missed, 0U);
}

}  // namespace
}  // namespace cache_ext::core::test
