// Many threads on one store; ThreadSanitizer watches, and the world knows every right value.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "support/store.hpp"
#include "support/world.hpp"

namespace cache_ext::core::test {
namespace {

class Crowd {
  public:
    explicit Crowd(TestStore& store) : store_(&store) { world_->start(); }

    void add(void (*work)(Actor&)) {
        actors_.push_back(std::make_unique<Actor>(**store_, world_.get(), 1 + actors_.size()));
        work_.push_back(work);
    }
    void run(std::chrono::milliseconds time) {
        std::atomic<bool> stop = false;
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < actors_.size(); ++i) {
            threads.emplace_back([&, i] {
                while (!stop.load(std::memory_order_relaxed)) work_[i](*actors_[i]);
            });
        }
        std::this_thread::sleep_for(time);
        stop = true;
        for (std::thread& t : threads) t.join();
    }
    void expect_right() {
        std::uint64_t hits = 0, misses = 0, published = 0, writes = 0;
        for (const auto& a : actors_) {
            EXPECT_EQ(a->wrong, 0U) << a->first_wrong;
            hits += a->hits;
            misses += a->misses;
            published += a->published;
            writes += a->writes;
        }
        std::printf("%lu hits, %lu misses, %lu published, %lu writers\n", hits, misses, published,
                    writes);
        EXPECT_GT(hits, 100U);
        EXPECT_GT(published, 100U);
        EXPECT_GT(writes, 100U);
        EXPECT_TRUE(settled_check(**store_));
    }

  private:
    TestStore* store_;
    std::unique_ptr<World> world_ = std::make_unique<World>();
    std::vector<std::unique_ptr<Actor>> actors_;
    std::vector<void (*)(Actor&)> work_;
};

constexpr std::chrono::milliseconds kTime{2500};

void read(Actor& a) {
    a.read();
}
void write(Actor& a) {
    a.write();
}
void remove_and_sweep(Actor& a) {
    FakeClock::advance(1);
    a.remove();
    a.sweep();
}

TEST(StoreThreads, NobodyIsServedAValueThatItsSnapshotWouldNotCompute) {
    TestStore store;
    Crowd crowd(store);
    for (int i = 0; i < 3; ++i) crowd.add(read);
    for (int i = 0; i < 2; ++i) crowd.add(write);
    crowd.run(kTime);
    crowd.expect_right();
}

TEST(StoreThreads, NorWhileEntriesAreRemovedSweptAndEvicted) {
    TestStore store(Store::min_bytes({8}));
    Crowd crowd(store);
    for (int i = 0; i < 3; ++i) crowd.add(read);
    crowd.add(write);
    crowd.add(remove_and_sweep);
    for (int i = 0; i < 2; ++i) crowd.add([](Actor& a) { a.crowd(1); });
    crowd.run(kTime);
    crowd.expect_right();
}

TEST(StoreThreads, NorWhileCachesComeAndGo) {
    TestStore store(Store::min_bytes({4}), 4);
    Crowd crowd(store);
    for (int i = 0; i < 3; ++i) crowd.add(read);
    for (int i = 0; i < 2; ++i) crowd.add(write);
    crowd.add([](Actor& a) {
        std::this_thread::sleep_for(std::chrono::microseconds(300));
        a.release();
    });
    crowd.add([](Actor& a) { a.crowd(1); });
    crowd.add([](Actor& a) { a.crowd(2); });
    crowd.run(kTime);
    crowd.expect_right();
}

}  // namespace
}  // namespace cache_ext::core::test
