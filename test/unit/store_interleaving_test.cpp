// What happens in the middle of a publish: the test steps in where publish holds no lock, between
// its look at the writers and its linking of the entry.
#include <gtest/gtest.h>

#include <functional>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const HeldSnapshot kAll = snapshot(1000);
const HeldSnapshot kBlind = snapshot(100, {50});

std::function<void()>* meanwhile = nullptr;

// Runs `meanwhile` once, before the arena lock of an allocation is taken: nothing is held then.
LockTable interrupted_locks() {
    LockTable table = TestLocks::table();
    table.exclusive = [](LockId id) {
        if (id == kArenaLock && meanwhile != nullptr) {
            std::function<void()>* const now = meanwhile;
            meanwhile = nullptr;
            (*now)();
        }
        TestLocks::table().exclusive(id);
    };
    return table;
}

class StoreInterleaving : public testing::Test {
  protected:
    void TearDown() override { EXPECT_TRUE(settled_check(*store)); }

    PublishResult put(const Snapshot& f, std::function<void()> then, const Options& options = {}) {
        meanwhile = &then;
        const PublishResult result = slow_cache.put("k", "v", f, options);
        EXPECT_EQ(meanwhile, nullptr) << "nobody stepped in";
        meanwhile = nullptr;
        return result;
    }

    TestStore store;
    TestCache cache{*store, 5};
    Store slow{store.block(), interrupted_locks(), FakeClock::clock()};
    TestCache slow_cache{slow, 5};
};

TEST_F(StoreInterleaving, AWriterOfTheWholeThatComesMeanwhileContradicts) {
    ASSERT_EQ(put(kBlind, [&] { cache.write_whole(50); }), PublishResult::kPublished);
    EXPECT_EQ(cache.peek("k", kAll), LookupResult::kContradicted);
    EXPECT_EQ(cache.peek("k", kBlind), LookupResult::kHit);
}

TEST_F(StoreInterleaving, AWriterOfAPartThatComesMeanwhileContradicts) {
    const Tag part = mix(42);
    ASSERT_EQ(cache.put("other", "v", kBlind, {.tags = {{part}}}), PublishResult::kPublished);
    ASSERT_EQ(put(kBlind, [&] { cache.write_tag(part, TagKind::kPart, 50); }, {.tags = {{part}}}),
              PublishResult::kPublished);
    EXPECT_EQ(cache.peek("k", kAll), LookupResult::kContradicted);
    EXPECT_EQ(cache.peek("k", kBlind), LookupResult::kHit);
}

TEST_F(StoreInterleaving, AWriterOfTheKeyThatComesMeanwhileIsNotServedOver) {
    const PublishResult result = put(kBlind, [&] { cache.write("k", 50); });
    EXPECT_EQ(result, PublishResult::kUnseenWriters) << "no room was kept for it";
    EXPECT_EQ(cache.peek("k", kAll), LookupResult::kAbsent);
}

TEST_F(StoreInterleaving, AHardWriterThatComesMeanwhileStopsTheBlind) {
    (void)put(kBlind, [&] { cache.write_whole(50, true); });
    EXPECT_NE(cache.peek("k", kAll), LookupResult::kHit);
    EXPECT_NE(cache.peek("k", kBlind), LookupResult::kHit);
}

TEST_F(StoreInterleaving, NothingIsPublishedForACacheThatWentMeanwhile) {
    EXPECT_EQ(put(kAll, [&] { store->release(cache.index(), 5); }), PublishResult::kNoCache);
    EXPECT_EQ(cache.peek("k", kAll), LookupResult::kAbsent);
}

// The ring that knew of 50 is gone; the new one only knows that 60 and below are to be mistrusted.
TEST_F(StoreInterleaving, NothingIsPublishedForACacheThatWentAndCameBackMeanwhile) {
    const auto come_back = [&] {
        cache.write_whole(50);
        store->release(cache.index(), 5);
        bool created;
        ASSERT_EQ(store->attach({1, 5, cache.whole()}, next_is<60>, &created), cache.index());
    };
    EXPECT_EQ(put(kBlind, come_back), PublishResult::kNoCache);
    EXPECT_EQ(cache.peek("k", kAll), LookupResult::kAbsent);
}

TEST_F(StoreInterleaving, NothingIsPublishedThatReadACacheThatWentMeanwhile) {
    const TestCache inner(*store, 6);
    const Options nested = {.tags = {{inner.whole(), false, inner.index()}}};
    EXPECT_EQ(put(
                  kAll, [&] { store->release(inner.index(), 6); }, nested),
              PublishResult::kNoCache);
    const TestCache again(*store, 6);
    const auto come_back = [&] {
        inner.write_whole(50);
        store->release(inner.index(), 6);
        bool created;
        ASSERT_EQ(store->attach({1, 6, inner.whole()}, next_is<60>, &created), inner.index());
    };
    EXPECT_EQ(put(kBlind, come_back, nested), PublishResult::kNoCache);
    EXPECT_EQ(cache.peek("k", kAll), LookupResult::kAbsent);
}

}  // namespace
}  // namespace cache_ext::core::test
