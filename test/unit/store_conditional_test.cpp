// Publishing in the place of what was looked at, and of nothing else.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const Snapshot kAll = {1000, 1000, nullptr, 0};

class StoreConditional : public ::testing::Test {
  protected:
    NamedEntry name(const std::string& key, const Snapshot& s = kAll, Ref* hazard = nullptr) {
        return store->name_entry(cache.index(), cache.view(key), s,
                                 hazard != nullptr ? hazard : hazards);
    }
    PublishResult publish(const std::string& key, const std::string& value, Ref instead_of) {
        Fill fill;
        fill.cache = cache.index();
        fill.cache_id = cache.id();
        fill.key = cache.view(key);
        fill.value = reinterpret_cast<const std::uint8_t*>(value.data());
        fill.value_bytes = static_cast<std::uint32_t>(value.size());
        fill.calculated_at = FakeClock::time;
        fill.conditional = true;
        fill.instead_of = instead_of;
        return store->publish(fill, kAll);
    }
    static std::string text_of(const NamedEntry& named) {
        return {reinterpret_cast<const char*>(named.value), named.value_bytes};
    }

    TestStore store;
    TestCache cache{*store, 5};
    Ref* hazards = store->hazards(0);
};

TEST_F(StoreConditional, ThereIsNothingToNameWhereThereIsNoEntry) {
    const NamedEntry named = name("k");
    EXPECT_EQ(named.result, LookupResult::kAbsent);
    EXPECT_EQ(named.ref, kNullRef);
    EXPECT_EQ(hazards[0], kNullRef);
}

TEST_F(StoreConditional, InThePlaceOfNothingOnlyOneIsPublished) {
    EXPECT_EQ(publish("k", "first", kNullRef), PublishResult::kPublished);
    EXPECT_EQ(publish("k", "second", kNullRef), PublishResult::kChanged);
    EXPECT_EQ(cache.get("k", kAll).value, "first");
    EXPECT_EQ(publish("other", "value", kNullRef), PublishResult::kPublished);
}

TEST_F(StoreConditional, InThePlaceOfAnEntryOnlyWhileItIsThere) {
    ASSERT_EQ(publish("k", "first", kNullRef), PublishResult::kPublished);
    const NamedEntry named = name("k");
    EXPECT_EQ(named.result, LookupResult::kHit);
    EXPECT_EQ(text_of(named), "first");
    EXPECT_EQ(publish("k", "second", named.ref), PublishResult::kPublished);
    EXPECT_EQ(publish("k", "third", named.ref), PublishResult::kChanged);
    EXPECT_EQ(text_of(named), "first") << "held, although it was replaced";
    EXPECT_EQ(cache.get("k", kAll).value, "second");
    Store::let_go(hazards);
}

TEST_F(StoreConditional, NotInThePlaceOfOneThatIsGone) {
    ASSERT_EQ(publish("k", "first", kNullRef), PublishResult::kPublished);
    const NamedEntry named = name("k");
    ASSERT_TRUE(store->remove(cache.index(), cache.view("k")));
    EXPECT_EQ(publish("k", "second", named.ref), PublishResult::kChanged);
    EXPECT_FALSE(cache.has("k"));
    Store::let_go(hazards);
}

// Otherwise an entry that has got the memory of the one that was named would be taken for it.
TEST_F(StoreConditional, TheMemoryOfANamedEntryIsNoOthers) {
    ASSERT_EQ(publish("k", "first", kNullRef), PublishResult::kPublished);
    const NamedEntry named = name("k");
    ASSERT_TRUE(store->remove(cache.index(), cache.view("k")));
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(cache.put("k", "again", kAll, {.replace = true}), PublishResult::kPublished);
        EXPECT_NE(name("k", kAll, hazards + 1).ref, named.ref);
        Store::let_go(hazards + 1);
        ASSERT_TRUE(store->remove(cache.index(), cache.view("k")));
    }
    EXPECT_EQ(text_of(named), "first");
    Store::let_go(hazards);
}

TEST_F(StoreConditional, AnEntryIsJudgedForTheSnapshotAndTheTime) {
    ASSERT_EQ(cache.put("k", "value", kAll, {.expires_at = 3000}), PublishResult::kPublished);
    EXPECT_EQ(name("k").result, LookupResult::kHit);
    FakeClock::set(3000);
    EXPECT_EQ(name("k").result, LookupResult::kExpired);
    FakeClock::set(1000);
    cache.write("k", 50);
    const NamedEntry named = name("k");
    EXPECT_EQ(named.result, LookupResult::kContradicted);
    EXPECT_EQ(name("k", snapshot(100, {50}), hazards + 1).result, LookupResult::kHit);
    Store::let_go(hazards + 1);
    EXPECT_EQ(publish("k", "new", named.ref), PublishResult::kPublished);
    EXPECT_EQ(cache.get("k", kAll).value, "new");
    Store::let_go(hazards);
}

TEST_F(StoreConditional, ANullAndAnEmptyValueAreNamedToo) {
    ASSERT_EQ(cache.put("null", "", kAll, {.is_null = true}), PublishResult::kPublished);
    ASSERT_EQ(cache.put("empty", "", kAll), PublishResult::kPublished);
    const NamedEntry null = name("null");
    EXPECT_NE(null.ref, kNullRef);
    EXPECT_TRUE(null.is_null);
    const NamedEntry empty = name("empty", kAll, hazards + 1);
    EXPECT_NE(empty.ref, kNullRef);
    EXPECT_FALSE(empty.is_null);
    Store::let_go(hazards);
    Store::let_go(hazards + 1);
}

// Each thread adds one to what is there; none is lost, and no place is given to two.
TEST_F(StoreConditional, ThreadsThatReplaceWhatTheyHaveSeenLoseNothing) {
    constexpr int kThreads = 4, kTimes = 500;
    ASSERT_EQ(publish("k", std::string(8, '\0'), kNullRef), PublishResult::kPublished);
    std::atomic<int> retries{0};
    const auto work = [&](std::uint32_t reader) {
        Ref* hazard = store->hazards(reader);
        for (int i = 0; i < kTimes;) {
            const NamedEntry named = name("k", kAll, hazard);
            ASSERT_NE(named.ref, kNullRef);
            std::uint64_t n;
            std::memcpy(&n, named.value, sizeof(n));
            ++n;
            const std::string next(reinterpret_cast<const char*>(&n), sizeof(n));
            std::this_thread::yield();
            const PublishResult result = publish("k", next, named.ref);
            Store::let_go(hazard);
            if (result == PublishResult::kPublished) {
                ++i;
            } else {
                ASSERT_EQ(result, PublishResult::kChanged);
                ++retries;
            }
        }
    };
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
    for (std::thread& t : threads) t.join();
    std::uint64_t n;
    std::memcpy(&n, cache.get("k", kAll).value.data(), sizeof(n));
    EXPECT_EQ(n, static_cast<std::uint64_t>(kThreads * kTimes)) << retries << " retries";
}

}  // namespace
}  // namespace cache_ext::core::test
