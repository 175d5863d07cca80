// The orders of memory that the core relies on, one protocol at a time, by threads that do nothing
// else. The table of them is in docs/architecture.md.
//
// On a processor whose order is weak (ARM) a wrong order fails here sooner or later. x86 lets only
// one thing be seen, a load that overtakes an earlier store: the tests of full_fence() can fail
// there, the others only if the compiler moves something. An emulator has the order of the
// processor that it runs on.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "core/hazards.hpp"
#include "core/index.hpp"
#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

constexpr std::chrono::milliseconds kTime{700};
constexpr std::uint32_t kPartition = 7;

struct Line {
    alignas(64) std::uint64_t value = 0;
};

class Ordering : public ::testing::Test {
  protected:
    // Runs `work` over and over beside the test's own loop.
    template <class Work>
    void beside(Work work) {
        thread = std::thread([this, work]() mutable {
            while (!stop.load(std::memory_order_relaxed)) work();
        });
    }
    // Calls `work` until the time is over; how often that was.
    template <class Work>
    std::uint64_t for_a_while(Work work) {
        const auto end = std::chrono::steady_clock::now() + kTime;
        std::uint64_t n = 0;
        do {
            for (int i = 0; i < 100; ++i) work();
            n += 100;
        } while (std::chrono::steady_clock::now() < end);
        stop = true;
        thread.join();
        return n;
    }

    // Two threads do one thing each at the same time, over and over: the other one's and ours.
    // Between two rounds both wait, so `prepare` and `judge` are alone.
    template <class Prepare, class Theirs, class Ours, class Judge>
    std::uint64_t together(Prepare prepare, Theirs theirs, Ours ours, Judge judge) {
        std::atomic<std::uint64_t> begun = 0, done = 0;
        thread = std::thread([&] {
            for (std::uint64_t round = 1;; ++round) {
                while (begun.load(std::memory_order_acquire) < round) {
                    if (stop.load(std::memory_order_relaxed)) return;
                }
                theirs(round);
                done.store(round, std::memory_order_release);
            }
        });
        std::uint64_t round = 0;
        return for_a_while([&] {
            prepare();
            begun.store(++round, std::memory_order_release);
            ours(round);
            while (done.load(std::memory_order_acquire) < round) {
            }
            judge();
        });
    }
    // So that the two meet in every possible way.
    static void wait_a_little(std::uint64_t turns) {
        for (std::uint64_t i = 0; i < turns; ++i) __asm__ volatile("" ::: "memory");
    }

    TestStore store;
    Block block{store.block(), TestLocks::table(), FakeClock::clock()};
    std::thread thread;
    std::atomic<bool> stop = false;
};

// unlocked.hpp: the version before and after, and what is between them in one state.
TEST_F(Ordering, ACopyIsOfOneVersion) {
    Line words[8];
    std::uint64_t believed = 0, torn = 0, backwards = 0, last = 0;
    Partition& p = block.partitions[kPartition];
    beside([&, n = std::uint64_t{0}]() mutable {
        const PartitionWriter guard(block, kPartition);
        ++n;
        for (Line& w : words) store_relaxed(w.value, n);
    });
    for_a_while([&] {
        const std::uint64_t version = load_acquire(p.version);
        if (version % 2 != 0) return;
        std::uint64_t seen[8];
        for (int i = 0; i < 8; ++i) copy_racing(&seen[i], &words[i].value, sizeof(seen[i]));
        read_fence();
        if (load_relaxed(p.version) != version) return;
        ++believed;
        // Each writer changes the version by two.
        if (seen[0] != version / 2 || seen[0] < last) ++backwards;
        last = seen[0];
        for (const std::uint64_t s : seen) torn += s != seen[0] ? 1 : 0;
    });
    EXPECT_EQ(torn, 0U);
    EXPECT_EQ(backwards, 0U);
    EXPECT_GT(believed, 0U);
}

// hazards.hpp: the reader names the entry and looks at the version, the remover changes the version
// and looks at the names. One of them sees the other.
TEST_F(Ordering, AnEntryIsHeldOrFreedAndNotBoth) {
    constexpr Ref kRef = 4096;
    Ref* hazard = hazards_of(block, 0);
    Partition& p = block.partitions[kPartition];
    std::uint64_t both = 0, held = 0, freed = 0, before = 0;
    bool is_held = false, is_freed = false;
    together(
        [&] {
            let_go(hazard);
            before = p.version;
        },
        [&](std::uint64_t round) {
            wait_a_little(round % 101);
            name_held(hazard, kRef);
            full_fence();
            is_held = load_relaxed(p.version) == before;
        },
        [&](std::uint64_t round) {
            wait_a_little(round % 1999);
            { const PartitionWriter guard(block, kPartition); }
            full_fence();
            is_freed = !HeldSet(block).may_contain(kRef);
        },
        [&] {
            both += is_held && is_freed ? 1 : 0;
            held += is_held ? 1 : 0;
            freed += is_freed ? 1 : 0;
        });
    EXPECT_EQ(both, 0U);
    std::printf("held %lu times, freed %lu times\n", held, freed);
}

// The same without locks around it, which are fences themselves on some processors.
TEST_F(Ordering, NoLoadOvertakesAStoreAcrossAFullFence) {
    Line mine, theirs;
    std::uint64_t both = 0, seen_mine = 0, seen_theirs = 0;
    together(
        [&] {
            store_relaxed(mine.value, 0);
            store_relaxed(theirs.value, 0);
        },
        [&](std::uint64_t round) {
            wait_a_little(round % 61);
            store_relaxed(theirs.value, 1);
            full_fence();
            seen_mine = load_relaxed(mine.value);
        },
        [&](std::uint64_t round) {
            wait_a_little(round % 397);
            store_relaxed(mine.value, 1);
            full_fence();
            seen_theirs = load_relaxed(theirs.value);
        },
        [&] { both += seen_mine == 0 && seen_theirs == 0 ? 1 : 0; });
    EXPECT_EQ(both, 0U);
}

// Memory is used anew once nobody names it, be it that the reader has let go or that it names
// something else by now.
TEST_F(Ordering, WhatWasHeldIsReadBeforeItIsAnothers) {
    constexpr Ref kRef = 4096, kOther = 65536;
    Ref* hazard = hazards_of(block, 0);
    ASSERT_FALSE([&] {
        name_held(hazard, kOther);
        return HeldSet(block).may_contain(kRef);
    }()) << "the filter cannot tell the two apart";
    Line words[4];
    std::uint64_t torn = 0;
    together(
        [&] {
            for (Line& w : words) w.value = 0;
            name_held(hazard, kRef);
        },
        [&](std::uint64_t round) {
            std::uint64_t sum = 0;
            for (const Line& w : words) sum += load_relaxed(w.value);
            let_go(hazard);
            if (round % 2 == 0) name_held(hazard, kOther);
            torn += sum;
        },
        [&](std::uint64_t) {
            while (HeldSet(block).may_contain(kRef)) {
            }
            for (Line& w : words) store_relaxed(w.value, 1);
        },
        [] {});
    EXPECT_EQ(torn, 0U);
}

// writers.hpp: whoever sees a registration by its number sees an XID that covers it.
TEST_F(Ordering, TheGuardCoversTheSequenceNumber) {
    WriterRing ring;
    ring.init();
    std::uint64_t uncovered = 0, last = 0;
    beside([&, n = std::uint64_t{0}]() mutable {
        WriterRecord dropped[kRingCapacity];
        WriterRecord record = {};
        record.seq = ++n;
        record.xid = static_cast<Xid>(n);
        ring.add(record, ended_below(static_cast<Xid>(n)), dropped);
    });
    for_a_while([&] {
        const Seq seq = load_acquire(ring.last_seq);
        if (load_acquire(ring.guard) < seq) ++uncovered;
        last = seq;
    });
    EXPECT_EQ(uncovered, 0U);
    EXPECT_GT(last, 0U);
}

// index.hpp: entries that are handed over come with what was written of them.
TEST_F(Ordering, ABuriedEntryIsWholeForWhoCollectsIt) {
    TestCache cache{*store, 5};
    constexpr int kEntries = 16;
    Ref refs[kEntries];
    for (Ref& ref : refs) {
        ref = block.arena.allocate(sizeof(Entry));
        ASSERT_NE(ref, kNullRef);
        *block.entry(ref) = {};
        block.entry(ref)->budget = static_cast<std::uint16_t>(cache.index());
    }
    Ref& dead = cache.control().dead;
    std::atomic<std::uint64_t> handed = 0;
    beside([&, n = std::uint64_t{0}]() mutable {
        if (handed.load(std::memory_order_acquire) != 0) return;
        ++n;
        handed.store(kEntries, std::memory_order_relaxed);
        for (const Ref ref : refs) {
            store_relaxed(block.entry(ref)->value_bytes, static_cast<std::uint32_t>(n));
            bury_entry(block, ref);
        }
    });
    std::uint64_t stale = 0, rounds = 0, lost = 0;
    std::uint32_t round = 1;
    std::uint64_t collected = 0;
    for_a_while([&] {
        Ref chain = __atomic_exchange_n(&dead, kNullRef, __ATOMIC_ACQ_REL);
        for (; chain != kNullRef; chain = block.entry(chain)->next, ++collected) {
            stale += load_relaxed(block.entry(chain)->value_bytes) != round ? 1 : 0;
        }
        if (collected < kEntries) return;
        lost += collected != kEntries ? 1 : 0;
        collected = 0;
        ++round;
        ++rounds;
        handed.store(0, std::memory_order_release);
    });
    EXPECT_EQ(stale, 0U);
    EXPECT_EQ(lost, 0U);
    EXPECT_GT(rounds, 0U);
    store_relaxed(dead, kNullRef);
}

// registry.cpp: the id comes last. Whoever finds it finds the generation that belongs to it.
TEST_F(Ordering, TheIdOfACacheComesWithItsGeneration) {
    TestCache cache{*store, 5};
    CacheControl& c = cache.control();
    // By what take() and begin_release() do, in their order.
    beside([&, n = std::uint64_t{0}]() mutable {
        store_release(c.id, std::uint64_t{0});
        store_relaxed(c.generation, static_cast<std::uint32_t>(++n));
        store_release(c.id, n);
    });
    std::uint64_t older = 0;
    for_a_while([&] {
        const std::uint64_t id = load_acquire(c.id);
        if (id == 0 || id == cache.id()) return;
        if (load_relaxed(c.generation) < static_cast<std::uint32_t>(id)) ++older;
    });
    EXPECT_EQ(older, 0U);
    store_relaxed(c.id, cache.id());
}

}  // namespace
}  // namespace cache_ext::core::test
