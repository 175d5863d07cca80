// Numbers that are none, and memory that somebody has written over: nothing of it may lead to a
// write outside.
#include "core/guard.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "core/store.hpp"
#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

// Counters with memory around them that must stay as it is.
struct Surrounded {
    std::uint64_t before[64];
    Counters counters;
    std::uint64_t behind[512];
};

TEST(Counters, CountWhatIsACounterOnly) {
    for (int number = 0; number < 256; ++number) {
        Surrounded s = {};
        s.counters.add(3, static_cast<Counter>(number), 7);
        s.counters.bypassed(5, static_cast<Bypass>(number));
        const CounterTotals t = s.counters.totals();
        std::uint64_t counted = 0, bypassed = 0;
        for (const std::uint64_t v : t.value) counted += v;
        for (const std::uint64_t v : t.bypass) bypassed += v;
        const bool counter = number < static_cast<int>(Counter::kCount);
        const bool reason = number < static_cast<int>(Bypass::kNone);
        EXPECT_EQ(counted, (counter ? 7U : 0U) + (reason ? 1U : 0U)) << number;
        EXPECT_EQ(bypassed, reason ? 1U : 0U) << number;
        for (const std::uint64_t v : s.before) EXPECT_EQ(v, 0U) << number;
        for (const std::uint64_t v : s.behind) EXPECT_EQ(v, 0U) << number;
    }
}

// A copy of the heads that no bit vouches for, all pointing somewhere.
TEST(Arena, FollowsNoHeadWhoseBitIsClear) {
    constexpr std::size_t kBytes = std::size_t{1} << 20;
    std::vector<std::uint64_t> memory(kBytes / 8 + 2);
    void* block = memory.data();
    std::size_t room = memory.size() * 8;
    ASSERT_NE(std::align(16, kBytes, block, room), nullptr);
    ASSERT_TRUE(Arena::format(block, kBytes));
    Arena arena(block);
    auto* header = static_cast<ArenaHeader*>(block);
    std::mt19937_64 random(7);
    std::vector<Ref> live;
    const auto spoil = [&](Ref with) {
        for (std::uint32_t level = 0; level < ArenaHeader::kLevels; ++level) {
            for (std::uint32_t i = 0; i < ArenaHeader::kClasses; ++i) {
                if ((header->class_bits[level] >> i & 1U) == 0) header->heads[level][i] = with;
            }
        }
    };
    for (int step = 0; step < 20000; ++step) {
        // What lies at these places would be taken for a free block, or written through.
        spoil(live.empty() ? 3 : static_cast<Ref>(random()));
        if (live.empty() || random() % 5 < 3) {
            const Ref ref = arena.allocate(random() % 3000);
            if (ref != kNullRef) live.push_back(ref);
            if (ref != kNullRef || live.empty()) continue;
        }
        const std::size_t i = random() % live.size();
        arena.free(live[i]);
        live[i] = live.back();
        live.pop_back();
    }
    spoil(kNullRef);
    EXPECT_TRUE(arena.check());
    for (const Ref ref : live) {
        spoil(static_cast<Ref>(random()));
        arena.free(ref);
    }
    spoil(kNullRef);
    EXPECT_TRUE(arena.check());
    const ArenaStats stats = arena.stats();
    EXPECT_EQ(stats.allocated_blocks, 0U);
    EXPECT_EQ(stats.largest_free, stats.capacity);
}

// The head of a class that is not the block to be taken out of it stays what it is.
TEST(Arena, DoesNotTakeABlockOffAnotherList) {
    constexpr std::size_t kBytes = std::size_t{64} * 1024;
    std::vector<std::uint64_t> memory(kBytes / 8 + 2);
    void* block = memory.data();
    std::size_t room = memory.size() * 8;
    ASSERT_NE(std::align(16, kBytes, block, room), nullptr);
    ASSERT_TRUE(Arena::format(block, kBytes));
    Arena arena(block);
    auto* header = static_cast<ArenaHeader*>(block);
    const Ref a = arena.allocate(100);
    const Ref b = arena.allocate(100);
    arena.free(a);  // alone in its class, and joined with b when that is freed
    std::uint32_t level = 0, index = 0;
    for (std::uint32_t l = 0; l < ArenaHeader::kLevels; ++l) {
        for (std::uint32_t i = 0; i < ArenaHeader::kClasses; ++i) {
            if (header->heads[l][i] == a) {
                level = l;
                index = i;
            }
        }
    }
    ASSERT_EQ(header->heads[level][index], a);
    header->heads[level][index] = b;  // somebody wrote over it
    arena.free(b);
    EXPECT_EQ(header->heads[level][index], b);
    EXPECT_NE(header->class_bits[level] >> index & 1U, 0U);
}

// An index that is none names a block that belongs to nobody, whoever asks.
TEST(Store, KeepsWhatHasNoControlBlockApart) {
    TestStore world;
    Store& store = *world;
    const TestCache named(store, 42);
    const CacheIndex cache = named.index();
    for (const CacheIndex none : {kNoCache, store.max_caches(), CacheIndex{0x10000} + cache}) {
        CacheControl* nowhere = store.control(none);
        for (CacheIndex i = 0; i < store.max_caches(); ++i) EXPECT_NE(nowhere, store.control(i));
        nowhere->counters.add(0, Counter::kHits, 5);
        store.set_limits(none, {7, 7, kNoCache, 7});
        store.distrust(none, 200);
        store.trust(none);
        store.set_last_error(none, "error");
        store.reset_stats(none);
        store.register_writer({named.whole(), TagKind::kWhole, true, none}, 150, Ended{});
        EXPECT_EQ(store.remove_all(none), 0U);
        store.release(none, 42);
        EXPECT_FALSE(store.is(none, 42));
        EXPECT_FALSE(store.usable(none, Snapshot{}));
    }
    EXPECT_TRUE(store.is(cache, 42));
    const CacheControl* control = store.control(cache);
    EXPECT_EQ(control->max_entries, 0U);
    EXPECT_EQ(control->counters.totals()[Counter::kHits], 0U);
    Xid hard[kMaxHard];
    std::uint32_t count = 9;
    EXPECT_TRUE(store.hard_writers(cache, hard, &count));
    EXPECT_EQ(count, 0U);
    EXPECT_TRUE(store.check());
}

}  // namespace
}  // namespace cache_ext::core::test
