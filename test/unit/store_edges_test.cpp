// Corners: empty keys, clocks that go back, hashes that collide, batches, caches that are gone.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const HeldSnapshot kAll = snapshot(1000);

class StoreEdges : public testing::Test {
  protected:
    void TearDown() override { EXPECT_TRUE(settled_check(*store)); }

    TestStore store;
    TestCache cache{*store, 1};
};

TEST_F(StoreEdges, AKeyMayBeEmptyAndLieNowhere) {
    EXPECT_EQ(cache.peek("", kAll), LookupResult::kAbsent);
    Fill fill;
    fill.cache = cache.index();
    fill.cache_id = cache.id();
    fill.key = {cache.hash(""), nullptr, 0};
    EXPECT_EQ(store->publish(fill, kAll), PublishResult::kPublished);
    EXPECT_EQ(store->lookup(cache.index(), fill.key, kAll, {nullptr, 0, Detail::kServe}).result,
              LookupResult::kHit);
    EXPECT_EQ(cache.peek("", kAll), LookupResult::kHit);
    EXPECT_TRUE(store->remove(cache.index(), fill.key));
}

TEST_F(StoreEdges, TheLongestKeyFits) {
    const std::string key(kMaxKeyBytes, 'k');
    ASSERT_EQ(cache.put(key, "v", kAll), PublishResult::kPublished);
    EXPECT_EQ(cache.get(key, kAll).value, "v");
}

TEST_F(StoreEdges, ValuesOfEverySizeComeBackWhole) {
    for (std::size_t size = 0; size < 300; ++size) {
        std::string value;
        for (std::size_t i = 0; i < size; ++i) value += static_cast<char>(mix(size + i));
        ASSERT_EQ(cache.put(std::to_string(size), value, kAll), PublishResult::kPublished);
        EXPECT_EQ(cache.get(std::to_string(size), kAll).value, value);
    }
}

// The clock was set back after a refresh was claimed, or the value was computed "later" than now.
TEST_F(StoreEdges, AReleasedClaimOfAValueFromTheFutureIsDueAgain) {
    FakeClock::set(100'000);
    ASSERT_EQ(cache.put("k", "v", kAll, {.refresh_after = 0}), PublishResult::kPublished);
    ASSERT_TRUE(cache.get("k", kAll).found.refresh_due);
    FakeClock::set(50'000);
    store->release_refresh_claim(cache.index(), cache.view("k"), 100);
    FakeClock::set(100'001);
    EXPECT_TRUE(cache.get("k", kAll).found.refresh_due);
}

// Too much is contradicted, never too little.
TEST_F(StoreEdges, AWriterSpeaksOfAllKeysOfItsHash) {
    ASSERT_EQ(cache.put("a", "v", kAll, {.hash = 77}), PublishResult::kPublished);
    ASSERT_EQ(cache.put("b", "v", kAll, {.hash = 77}), PublishResult::kPublished);
    cache.write_tag(77, TagKind::kKey, 50);
    EXPECT_EQ(cache.peek("a", kAll, 77), LookupResult::kContradicted);
    EXPECT_EQ(cache.peek("b", kAll, 77), LookupResult::kContradicted);
}

TEST_F(StoreEdges, ABatchOverManyKeysOfARingContradictsThemAllForWhoeverSeesIt) {
    constexpr Xid kBatch = 50;
    const HeldSnapshot blind = snapshot(1000, {kBatch});
    const auto put = [&](Tag hash) { return cache.put("k", "v", blind, {.hash = hash}); };
    std::vector<Tag> hashes;
    for (std::uint64_t n = 1; n <= 20; ++n) {
        hashes.push_back(neighbour(Tag{5}, n));
        ASSERT_EQ(put(hashes.back()), PublishResult::kPublished);
    }
    for (const Tag hash : hashes) cache.write_tag(hash, TagKind::kKey, kBatch);
    for (const Tag hash : hashes) {
        EXPECT_NE(cache.peek("k", kAll, hash), LookupResult::kHit) << hash;
    }
    // One writer was lost, however many of its records were: the next one is the way out.
    cache.write_tag(hashes[0], TagKind::kKey, 60, ended_below(60));
    EXPECT_EQ(cache.put("k", "v", kAll, {.hash = hashes[1]}), PublishResult::kPublished);
    EXPECT_EQ(cache.peek("k", snapshot(1000, {10}), hashes[1]), LookupResult::kHit);
}

TEST_F(StoreEdges, AWriterOfACacheThatIsGoneSpeaksOfNobody) {
    const Tag whole = cache.whole();
    const CacheIndex index = cache.index();
    store->release(index, cache.id());
    const TestCache next(*store, 2);
    ASSERT_EQ(next.index(), index);
    ASSERT_EQ(next.put("a", "v", kAll), PublishResult::kPublished);
    Xid running[kMaxRunning];
    EXPECT_EQ(store->possibly_running({whole, TagKind::kWhole, false, index}, running), 0U);
    store->register_writer({whole, TagKind::kWhole, true, index}, 50, Ended{});
    EXPECT_EQ(next.peek("a", kAll), LookupResult::kHit);
    EXPECT_EQ(next.peek("a", snapshot(1000, {50})), LookupResult::kHit);
}

// The unseen writers of an entry are those of all its tags together.
TEST_F(StoreEdges, AWriterOfTwoTagsIsUnseenOnce) {
    const HeldSnapshot blind = snapshot(1000, {50, 51});
    const Tag part = mix(42);
    cache.write("k", 50);
    cache.write_tag(part, TagKind::kPart, 51);
    cache.write_whole(51);
    ASSERT_EQ(cache.put("k", "v", blind, {.tags = {{part}}}), PublishResult::kPublished);
    EXPECT_EQ(cache.peek("k", blind), LookupResult::kHit);
    EXPECT_EQ(cache.peek("k", snapshot(1000, {50})), LookupResult::kContradicted);
    EXPECT_EQ(cache.peek("k", snapshot(1000, {51})), LookupResult::kContradicted);
    cache.write_whole(52);
    EXPECT_EQ(cache.put("k", "v", snapshot(1000, {50, 51, 52}), {.tags = {{part}}}),
              PublishResult::kUnseenWriters);
}

}  // namespace
}  // namespace cache_ext::core::test
