// Values that are read where they lie: they stay, whatever becomes of their entries, and their
// memory comes back once nobody reads them.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const Snapshot kAll = {1000, 1000, nullptr, 0};

std::string text_of(const Found& found) {
    return {reinterpret_cast<const char*>(found.held), found.value_bytes};
}

class StoreHazards : public ::testing::Test {
  protected:
    void put(const std::string& key, const std::string& value, const Options& options = {}) {
        ASSERT_EQ(cache.put(key, value, kAll, options), PublishResult::kPublished);
    }
    std::uint64_t allocated() { return store->stats().arena.allocated_bytes; }
    // Gives back what nobody holds any more, as the next entry that goes does.
    void let_another_go() {
        put("another", "value");
        ASSERT_TRUE(store->remove(cache.index(), cache.view("another")));
    }

    TestStore store;
    TestCache cache{*store, 5};
    Ref* hazards = store->hazards(0);
};

TEST_F(StoreHazards, ALargeValueIsHeldAndASmallOneCopied) {
    put("k", "a value");
    std::uint8_t buffer[7];
    Found found = store->lookup(cache.index(), cache.view("k"), kAll, buffer, sizeof(buffer),
                                Detail::kServe, nullptr, false, hazards);
    EXPECT_EQ(found.result, LookupResult::kHit);
    EXPECT_EQ(found.held, nullptr);
    EXPECT_EQ(hazards[0], kNullRef);

    found = store->lookup(cache.index(), cache.view("k"), kAll, buffer, sizeof(buffer) - 1,
                          Detail::kServe, nullptr, false, hazards);
    EXPECT_EQ(found.result, LookupResult::kHit);
    ASSERT_NE(found.held, nullptr);
    EXPECT_NE(hazards[0], kNullRef);
    EXPECT_EQ(text_of(found), "a value");
    Store::let_go(hazards);
    EXPECT_EQ(hazards[0], kNullRef);
}

TEST_F(StoreHazards, ValuesBeginWhereAnyTypeMayBegin) {
    for (int length = 0; length < 20; ++length) {
        for (const bool tagged : {false, true}) {
            const std::string key(length, 'k');
            put(key, "value",
                {.tags = tagged ? std::vector<TagSpec>{{77}} : std::vector<TagSpec>{}});
            const Found found = cache.hold(key, kAll, hazards);
            ASSERT_NE(found.held, nullptr);
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(found.held) % 8, 0U) << length;
            EXPECT_EQ(text_of(found), "value");
            Store::let_go(hazards);
        }
    }
}

TEST_F(StoreHazards, AHotValueIsHeldWithoutALock) {
    put("k", "value");
    for (std::uint32_t i = 0; i < kCountedHits; ++i) cache.get("k", kAll);
    const std::uint64_t before = TestLocks::taken();
    ASSERT_EQ(text_of(cache.hold("k", kAll, hazards)), "value");
    EXPECT_EQ(TestLocks::taken(), before);
    EntryTags tags;
    ASSERT_EQ(text_of(cache.hold("k", kAll, hazards + 1, &tags)), "value") << "under the lock";
    EXPECT_GT(TestLocks::taken(), before);
    EXPECT_EQ(hazards[0], hazards[1]);
}

TEST_F(StoreHazards, WhatMayNotBeServedIsNotHeld) {
    put("k", "value");
    cache.write("k", 1200);
    const Snapshot later = {1201, 1201, nullptr, 0};
    const Found found = cache.hold("k", later, hazards);
    EXPECT_EQ(found.result, LookupResult::kContradicted);
    EXPECT_EQ(found.held, nullptr);
    EXPECT_EQ(hazards[0], kNullRef);
}

TEST_F(StoreHazards, AnOldValueIsHeldLikeAnyOther) {
    store->set_limits(cache.index(), {0, 0, kNoCache, 1000});
    put("k", "value", {.expires_at = 2000});
    FakeClock::set(2500);
    const Found found = cache.hold("k", kAll, hazards, nullptr, true);
    EXPECT_EQ(found.result, LookupResult::kStale);
    EXPECT_EQ(text_of(found), "value");
}

TEST_F(StoreHazards, AHeldValueOutlivesItsEntry) {
    const std::string old(2000, 'o'), fresh(2000, 'n');
    const auto replace = [&] { put("k", fresh, {.replace = true}); };
    const auto remove = [&] { ASSERT_TRUE(store->remove(cache.index(), cache.view("k"))); };
    const auto clear = [&] { ASSERT_EQ(store->remove_all(cache.index()), 1U); };
    const auto expire = [&] {
        FakeClock::set(3000);
        for (std::uint32_t p = 0; p < kPartitions; ++p) {
            std::uint32_t cursor = 0;
            do {
                store->sweep(p, &cursor, 1000);
            } while (cursor != 0);
        }
    };
    for (const std::function<void()>& ends :
         std::vector<std::function<void()>>{replace, remove, clear, expire}) {
        FakeClock::set(1000);
        put("k", old, {.expires_at = 2000, .replace = true});
        const std::uint64_t with_one = allocated();
        const Found found = cache.hold("k", kAll, hazards);
        ends();
        for (int i = 0; i < 100; ++i) put("other" + std::to_string(i), std::string(2000, 'x'));
        EXPECT_EQ(text_of(found), old);
        store->remove_all(cache.index());
        let_another_go();
        EXPECT_EQ(allocated(), with_one) << "the entry that is held, and nothing else";
        EXPECT_EQ(text_of(found), old);
        Store::let_go(hazards);
        let_another_go();
        EXPECT_LT(allocated(), with_one);
        EXPECT_TRUE(store->check());
    }
}

TEST_F(StoreHazards, AHeldValueOutlivesItsCache) {
    put("k", std::string(2000, 'o'));
    const Found found = cache.hold("k", kAll, hazards);
    store->release(cache.index(), cache.id());
    const TestCache next(*store, 6);
    for (int i = 0; i < 5000; ++i) {
        ASSERT_EQ(next.put("k" + std::to_string(i), std::string(2000, 'x'), kAll),
                  PublishResult::kPublished);
    }
    EXPECT_EQ(text_of(found), std::string(2000, 'o'));
}

TEST_F(StoreHazards, EvictionLeavesHeldValuesAlone) {
    std::vector<Found> found;
    const auto value = [](int i) { return std::string(1000, static_cast<char>('a' + i)); };
    for (std::uint32_t r = 0; r < TestStore::kReaders; ++r) {
        for (std::uint32_t h = 0; h < kHazards; ++h) {
            const int i = static_cast<int>(found.size());
            put("held" + std::to_string(i), value(i % 26));
            found.push_back(cache.hold("held" + std::to_string(i), kAll, store->hazards(r) + h,
                                       nullptr, false, Detail::kPeek));  // not worth keeping
        }
    }
    for (int i = 0; i < 20000; ++i) put("k" + std::to_string(i), std::string(1000, '.'));
    // Room for these is cleared along the block.
    for (int i = 0; i < 20; ++i) put("large" + std::to_string(i), std::string(300000, '-'));
    for (std::size_t i = 0; i < found.size(); ++i) {
        ASSERT_FALSE(cache.has("held" + std::to_string(i))) << "the test evicts too little";
        EXPECT_EQ(text_of(found[i]), value(static_cast<int>(i) % 26));
    }
    EXPECT_TRUE(store->check());
    const std::uint64_t before = allocated();
    for (std::uint32_t r = 0; r < TestStore::kReaders; ++r) {
        for (std::uint32_t h = 0; h < kHazards; ++h) Store::let_go(store->hazards(r) + h);
    }
    let_another_go();
    EXPECT_LE(allocated() + found.size() * 1000, before);
}

TEST_F(StoreHazards, MemoryThatIsNeededComesBackAsSoonAsNobodyHoldsIt) {
    const std::string large(store->max_value_bytes() - 1000, 'x');
    std::vector<Ref*> held;
    for (std::uint32_t i = 0; i < 3; ++i) {
        put("k" + std::to_string(i), large);
        held.push_back(hazards + i);
        ASSERT_NE(cache.hold("k" + std::to_string(i), kAll, held.back()).held, nullptr);
    }
    ASSERT_EQ(store->remove_all(cache.index()), 3U);
    put("k", large);  // the last quarter
    EXPECT_EQ(cache.put("next", large, kAll), PublishResult::kPublished) << "instead of it";
    EXPECT_FALSE(cache.has("k"));
    ASSERT_NE(cache.hold("next", kAll, hazards + 3).held, nullptr);
    EXPECT_EQ(cache.put("no more", large, kAll), PublishResult::kNoMemory);
    Store::let_go(held[1]);
    EXPECT_EQ(cache.put("again", large, kAll), PublishResult::kPublished);
    EXPECT_TRUE(store->check());
}

TEST_F(StoreHazards, EveryProcessHasItsOwn) {
    EXPECT_EQ(store->hazards(TestStore::kReaders), nullptr);
    EXPECT_EQ(store->hazards(UINT32_MAX), nullptr);
    Ref* last = store->hazards(TestStore::kReaders - 1);
    ASSERT_NE(last, nullptr);
    EXPECT_GE(reinterpret_cast<char*>(last) - reinterpret_cast<char*>(hazards), 64);
    put("k", "value");
    const Found found = cache.hold("k", kAll, last);
    ASSERT_NE(store->hazards(1), nullptr) << "one that is lower, later";
    store->remove(cache.index(), cache.view("k"));
    put("other", "VALUE");
    EXPECT_EQ(text_of(found), "value");
}

// Readers hold values for a while as others replace, remove and evict them; what they hold must not
// change, and be whole, and of the right key.
TEST_F(StoreHazards, NothingHeldIsEverWrittenTo) {
    const auto value_of = [](char c) { return std::string(3000, c); };
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> wrong{0}, right{0};
    const auto read = [&](std::uint32_t reader, const std::string& key,
                          const std::string& letters) {
        Ref* mine = store->hazards(reader);
        Found found[kHazards];
        std::string first[kHazards];
        for (std::uint32_t round = 0; !stop; ++round) {
            const std::uint32_t i = round % kHazards;
            if (found[i].held != nullptr) {
                // Held since kHazards rounds ago.
                const std::string text = text_of(found[i]);
                const bool whole = text == first[i] && text.size() == 3000 &&
                                   letters.find(text[0]) != std::string::npos &&
                                   text.find_first_not_of(text[0]) == std::string::npos;
                (whole ? right : wrong)++;
                Store::let_go(mine + i);
            }
            found[i] = store->lookup(cache.index(), cache.view(key), kAll, nullptr, 0,
                                     round % 3 == 0 ? Detail::kServe : Detail::kPeek, nullptr,
                                     false, mine + i);
            if (found[i].held != nullptr) {
                first[i] = text_of(found[i]);
            } else if (mine[i] != kNullRef) {
                ++wrong;
            }
        }
    };
    std::thread a(read, 0, "a", "AB"), b(read, 1, "b", "CD"), c(read, 2, "b", "CD");
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
    for (int i = 0; std::chrono::steady_clock::now() < end; ++i) {
        cache.put("a", value_of(i % 2 == 0 ? 'A' : 'B'), kAll, {.replace = true});
        cache.put("b", value_of(i % 2 == 0 ? 'C' : 'D'), kAll, {.replace = true});
        if (i % 3 == 0) store->remove(cache.index(), cache.view("a"));
    }
    stop = true;
    a.join();
    b.join();
    c.join();
    EXPECT_EQ(wrong, 0U);
    EXPECT_GT(right, 100U);
    EXPECT_TRUE(settled_check(*store));
}

}  // namespace
}  // namespace cache_ext::core::test
