// Values that writers adjust, by random reads and writes, of one thread and of many; the world
// knows every right value.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "support/store.hpp"
#include "support/sums.hpp"

namespace cache_ext::core::test {
namespace {

struct Totals {
    std::uint64_t hits = 0, adjusted = 0, misses = 0, published = 0, writes = 0, wrong = 0;

    void add(const SumActor& a) {
        hits += a.hits;
        adjusted += a.adjusted;
        misses += a.misses;
        published += a.published;
        writes += a.writes;
        wrong += a.wrong;
    }
    void expect_right() const {
        std::printf("%lu hits, %lu of them adjusted, %lu misses, %lu published, %lu writers\n",
                    hits, adjusted, misses, published, writes);
        EXPECT_EQ(wrong, 0U);
        EXPECT_GT(hits, 100U);
        EXPECT_GT(adjusted, 10U);
        EXPECT_GT(published, 10U);
    }
};

TEST(StoreAccountsThreads, OneThreadReadsAndWritesAtRandom) {
    TestStore store;
    const TestCache cache(*store, 7);
    SumWorld world;
    SumActor actor(*store, cache, &world, 1);
    for (int i = 0; i < 60000; ++i) {
        actor.read();
        if (i % 3 == 0) actor.write();
        if (i % 500 == 0) actor.remove();
    }
    Totals totals;
    totals.add(actor);
    totals.expect_right();
    EXPECT_GT(totals.hits, 5 * totals.misses);  // writers outdate nothing
    EXPECT_TRUE(settled_check(*store));
}

void run_crowd(TestStore& store, int readers, int writers, bool busy) {
    const TestCache cache(*store, 7);
    SumWorld world;
    std::vector<std::unique_ptr<SumActor>> actors;
    for (int i = 0; i < readers + writers; ++i) {
        actors.push_back(std::make_unique<SumActor>(*store, cache, &world, i + 1));
    }
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < readers + writers; ++i) {
        threads.emplace_back([&, i] {
            while (!stop.load(std::memory_order_relaxed)) {
                if (i < readers) {
                    actors[i]->read();
                } else {
                    actors[i]->write();
                }
            }
        });
    }
    if (busy) {
        churn(*store, TestCache(*store, 8, {40, 0, kNoCache}));
        SumActor remover(*store, cache, &world, 0);
        for (int i = 0; i < 200; ++i) remover.remove();
    } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(2000));
    }
    stop = true;
    for (std::thread& t : threads) t.join();
    Totals totals;
    for (const auto& a : actors) totals.add(*a);
    totals.expect_right();
    EXPECT_TRUE(settled_check(*store));
}

TEST(StoreAccountsThreads, NobodyIsServedASumThatItsSnapshotWouldNotCompute) {
    TestStore store;
    run_crowd(store, 3, 3, false);
}

TEST(StoreAccountsThreads, NorWhileEntriesAreEvicted) {
    TestStore store(Store::min_bytes({8}));
    run_crowd(store, 2, 2, true);
}

}  // namespace
}  // namespace cache_ext::core::test
