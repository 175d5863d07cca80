// Values that are read where they lie: they stay, whatever becomes of their entries, and their
// memory comes back once nobody reads them.
#include <gtest/gtest.h>

#include <atomic>
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
    // Gives back what nobody holds any more.
    void sweep() {
        std::uint32_t cursor = 0;
        store->sweep(0, &cursor, 1);
    }

    TestStore store;
    TestCache cache{*store, 5};
    Ref* hazards = store->hazards(0);
};

TEST_F(StoreHazards, ALargeValueIsHeldAndASmallOneCopied) {
    put("k", "a value");
    std::uint8_t buffer[7];
    Found found =
        store->lookup(cache.index(), cache.view("k"), kAll,
                      {buffer, sizeof(buffer), Detail::kServe, OldValues::kNone, nullptr, hazards});
    EXPECT_EQ(found.result, LookupResult::kHit);
    EXPECT_EQ(found.held, nullptr);
    EXPECT_EQ(hazards[0], kNullRef);

    found = store->lookup(
        cache.index(), cache.view("k"), kAll,
        {buffer, sizeof(buffer) - 1, Detail::kServe, OldValues::kNone, nullptr, hazards});
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
        sweep();
        EXPECT_EQ(allocated(), with_one) << "the entry that is held, and nothing else";
        EXPECT_EQ(text_of(found), old);
        Store::let_go(hazards);
        sweep();
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
    for (int i = 0; i < 20; ++i) {
        cache.put("large" + std::to_string(i), std::string(300000, '-'), kAll);
        ASSERT_TRUE(store->check());
    }
    for (std::size_t i = 0; i < found.size(); ++i) {
        ASSERT_FALSE(cache.has("held" + std::to_string(i))) << "the test evicts too little";
        EXPECT_EQ(text_of(found[i]), value(static_cast<int>(i) % 26));
    }
    EXPECT_TRUE(store->check());
    const std::uint64_t before = allocated();
    for (std::uint32_t r = 0; r < TestStore::kReaders; ++r) {
        for (std::uint32_t h = 0; h < kHazards; ++h) Store::let_go(store->hazards(r) + h);
    }
    sweep();
    EXPECT_LE(allocated() + found.size() * 1000, before);
}

TEST_F(StoreHazards, MemoryThatIsNeededComesBackAsSoonAsNobodyHoldsIt) {
    const std::size_t arena = store->stats().arena.capacity;
    const std::string held(arena / 64 - 1000, 'h'), large(arena / 4 - 10000, 'l');
    for (std::uint32_t i = 0; i < TestStore::kReaders * kHazards; ++i) {
        put("k" + std::to_string(i), held);
        Ref* hazard = store->hazards(i / kHazards) + i % kHazards;
        ASSERT_NE(cache.hold("k" + std::to_string(i), kAll, hazard).held, nullptr);
    }
    ASSERT_EQ(store->remove_all(cache.index()), TestStore::kReaders * kHazards);
    EXPECT_GT(store->stats().retired_bytes, arena * 4 / 10);
    const auto put_three = [&] {
        store->remove_all(cache.index());
        for (const char* key : {"a", "b", "c"}) put(key, large);
        return cache.has("a") + cache.has("b") + cache.has("c");
    };
    EXPECT_LT(put_three(), 3) << "half the memory is held";
    EXPECT_GT(store->stats().retired_bytes, arena * 4 / 10);
    for (std::uint32_t i = 0; i < TestStore::kReaders * kHazards; ++i) {
        Store::let_go(store->hazards(i / kHazards) + i % kHazards);
    }
    EXPECT_EQ(put_three(), 3);
    EXPECT_EQ(store->stats().retired_bytes, 0U);
    EXPECT_TRUE(store->check());
}

TEST_F(StoreHazards, WhatIsTooLargeToStayIsNotHeld) {
    const std::size_t most = store->stats().arena.capacity / 64;
    put("fits", std::string(most - 100, 'x'));
    put("large", std::string(most + 100, 'x'));
    EXPECT_NE(cache.hold("fits", kAll, hazards).held, nullptr);
    for (const Detail detail : {Detail::kPeek, Detail::kServe}) {
        const Found found = cache.hold("large", kAll, hazards + 1, nullptr, false, detail);
        EXPECT_EQ(found.result, LookupResult::kTooSmall);
        EXPECT_EQ(found.value_bytes, most + 100);
        EXPECT_EQ(found.held, nullptr);
        EXPECT_EQ(hazards[1], kNullRef);
    }
}

TEST_F(StoreHazards, ReadersThatKeepMuchMakeTheOthersCopy) {
    const std::size_t arena = store->stats().arena.capacity;
    const std::string value(arena / 64 - 1000, 'x');
    put("k", value);
    std::uint32_t held = 0;
    while (cache.hold("k", kAll, store->hazards(held / kHazards) + held % kHazards).held !=
           nullptr) {
        put("k", value, {.replace = true});  // the old one stays, for its reader alone
        ASSERT_LT(++held, TestStore::kReaders * kHazards);
    }
    const std::uint64_t kept = store->stats().retired_bytes;
    EXPECT_GT(kept, arena / 16);
    EXPECT_LT(kept, arena / 16 + arena / 64);
    EXPECT_EQ(cache.get("k", kAll).value, value);
    Store::let_go(hazards);
    sweep();
    EXPECT_NE(cache.hold("k", kAll, hazards).held, nullptr);
}

// Values that are held all over the memory leave no room for a large one: it is refused, and the
// others are not evicted for it in vain.
TEST_F(StoreHazards, ALargeValueDoesNotEmptyTheCacheInVain) {
    TestStore wide(std::size_t{16} << 20);
    TestCache many(*wide, 5);
    const std::string value(1000, 'x');
    int count = 0;
    while (wide->stats().arena.largest_free > 100000) {
        ASSERT_EQ(many.put("k" + std::to_string(count++), value, kAll), PublishResult::kPublished);
    }
    for (std::uint32_t h = 0; h < kHazards; ++h) {
        const std::uint32_t i = (h + 1) * static_cast<std::uint32_t>(count) / (kHazards + 1);
        ASSERT_NE(many.hold("k" + std::to_string(i), kAll, wide->hazards(0) + h).held, nullptr);
    }
    const std::string large(wide->max_value_bytes() - 1000, 'l');
    EXPECT_EQ(many.put("large", large, kAll), PublishResult::kNoMemory);
    EXPECT_GT(many.control().live_entries, static_cast<std::uint64_t>(count) * 2 / 3);
    for (std::uint32_t h = 0; h < kHazards; ++h) Store::let_go(wide->hazards(0) + h);
    EXPECT_EQ(many.put("large", large, kAll), PublishResult::kPublished);
    EXPECT_GT(many.control().live_entries, static_cast<std::uint64_t>(count) / 3);
    EXPECT_TRUE(wide->check());
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
                (text == first[i] && is_whole(text, letters) ? right : wrong)++;
                Store::let_go(mine + i);
            }
            found[i] = store->lookup(cache.index(), cache.view(key), kAll,
                                     {nullptr, 0, round % 3 == 0 ? Detail::kServe : Detail::kPeek,
                                      OldValues::kNone, nullptr, mine + i});
            if (found[i].held != nullptr) {
                first[i] = text_of(found[i]);
            } else if (mine[i] != kNullRef) {
                ++wrong;
            }
        }
    };
    std::thread a(read, 0, "a", "AB"), b(read, 1, "b", "CD"), c(read, 2, "b", "CD");
    churn(*store, cache);
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
