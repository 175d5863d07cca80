// Entries that could be refreshed without a read: which are shown, and who gets the claim.
#include <gtest/gtest.h>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const Snapshot kAll = {1000, 1000, nullptr, 0};

class StoreCandidates : public ::testing::Test {
  protected:
    StoreCandidates() { FakeClock::set(10000); }
    // Keys of the candidates of all partitions, in order.
    std::string candidates(Millis until, std::uint32_t database = 1, const Snapshot& s = kAll) {
        std::vector<std::string> keys;
        for (std::uint32_t p = 0; p < kPartitions; ++p) {
            const CandidateVisitor visitor = {
                [](const Candidate& c, void* context) {
                    static_cast<std::vector<std::string>*>(context)->emplace_back(
                        reinterpret_cast<const char*>(c.key), c.key_bytes);
                },
                &keys};
            store->candidates({p, database, until}, s, visitor);
        }
        std::sort(keys.begin(), keys.end());
        std::string all;
        for (const std::string& k : keys) all += k + " ";
        return all;
    }
    void put(const std::string& key, const Options& options) {
        ASSERT_EQ(cache.put(key, "v", kAll, options), PublishResult::kPublished);
    }

    TestStore store;
    TestCache cache{*store, 5};
};

TEST_F(StoreCandidates, ThoseWhoseRefreshPointWillHavePassed) {
    put("early", {.expires_at = 20000, .refresh_after = 100});
    put("late", {.expires_at = 20000, .refresh_after = 200});
    put("never", {.expires_at = 20000});
    EXPECT_EQ(candidates(10099), "");
    EXPECT_EQ(candidates(10100), "early ");
    EXPECT_EQ(candidates(10200), "early late ");
    EXPECT_EQ(candidates(10200, 2), "") << "another database's";
}

TEST_F(StoreCandidates, NotWhatHasExpired) {
    put("k", {.expires_at = 10300, .refresh_after = 100});
    FakeClock::set(10299);
    EXPECT_EQ(candidates(10299), "k ");
    FakeClock::set(10300);
    EXPECT_EQ(candidates(10300), "");
    EXPECT_FALSE(store->claim_refresh(cache.index(), cache.view("k")));
}

TEST_F(StoreCandidates, NotWhatAWriterSpeaksAgainst) {
    put("k", {.expires_at = 20000, .refresh_after = 100});
    put("other", {.expires_at = 20000, .refresh_after = 100});
    cache.write("k", 1500);
    EXPECT_EQ(candidates(10100, 1, kAll), "k other ") << "for who does not see the writer";
    EXPECT_EQ(candidates(10100, 1, {2000, 2000, nullptr, 0}), "other ");
}

TEST_F(StoreCandidates, OneClaimWhoeverAsks) {
    put("k", {.expires_at = 20000, .refresh_after = 100});
    EXPECT_FALSE(store->claim_refresh(cache.index(), cache.view("k"))) << "not due yet";
    EXPECT_FALSE(store->claim_refresh(cache.index(), cache.view("absent")));
    FakeClock::set(10100);
    EXPECT_TRUE(store->claim_refresh(cache.index(), cache.view("k")));
    EXPECT_FALSE(store->claim_refresh(cache.index(), cache.view("k")));
    EXPECT_FALSE(cache.get("k", kAll).found.refresh_due) << "a reader finds it claimed, too";
    EXPECT_EQ(candidates(10100), "");
    store->release_refresh_claim(cache.index(), cache.view("k"), 50);
    EXPECT_EQ(candidates(10149), "");
    EXPECT_EQ(candidates(10150), "k ");
    FakeClock::set(10150);
    EXPECT_TRUE(cache.get("k", kAll).found.refresh_due);
    EXPECT_FALSE(store->claim_refresh(cache.index(), cache.view("k")));
}

TEST_F(StoreCandidates, TheyTellWhatTheyAreWorth) {
    put("k", {.expires_at = 20000, .refresh_after = 100});
    for (int i = 0; i < 3; ++i) cache.get("k", kAll);
    Candidate seen = {};
    store->candidates(
        {partition_of(cache.hash("k")), 1, 10100}, kAll,
        {[](const Candidate& c, void* context) { *static_cast<Candidate*>(context) = c; }, &seen});
    EXPECT_EQ(seen.hits, 3U);
    EXPECT_EQ(seen.load_us, 17U);
    EXPECT_EQ(seen.refresh_at, 10100);
    EXPECT_EQ(seen.expires_at, 20000);
    EXPECT_EQ(seen.cache, cache.index());
    EXPECT_EQ(seen.hash, cache.hash("k"));
}

}  // namespace
}  // namespace cache_ext::core::test
