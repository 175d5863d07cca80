// Keys share rings of writers. An invalidation of one must hardly ever be felt by another.
#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <random>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

std::uint64_t slot_of(TestStore& store, Tag tag) {
    const auto* header = reinterpret_cast<const StoreHeader*>(store.block());
    return tag % kPartitions * header->slots_per_partition +
           (tag / kPartitions & (header->slots_per_partition - 1));
}

bool invalidate(Store& store, Tag tag, Xid xid, const Transactions& transactions) {
    const WrittenTag written = {tag, TagKind::kKey, false, kNoCache};
    Xid on_record[kMaxRunning];
    const std::uint32_t n = store.possibly_running(written, on_record);
    const Knowledge knowledge(transactions, on_record, n);
    return store.register_writer(written, xid, knowledge);
}

TEST(StoreBystander, OnlyAnOverflowThatAnotherEntryFeelsIsSpurious) {
    TestStore store;
    const TestCache cache(*store, 5);
    Transactions transactions;
    const std::string writer = "k";
    std::string bystander;
    for (int i = 0; bystander.empty(); ++i) {
        const std::string other = "other " + std::to_string(i);
        if (slot_of(store, cache.hash(other)) == slot_of(store, cache.hash(writer))) {
            bystander = other;
        }
    }
    const HeldSnapshot all = transactions.snapshot();
    ASSERT_EQ(cache.put(writer, "v", all), PublishResult::kPublished);
    ASSERT_EQ(cache.put(bystander, "v", all), PublishResult::kPublished);
    const auto served = [&] {
        return cache.peek(bystander, transactions.snapshot()) == LookupResult::kHit;
    };
    for (std::uint32_t i = 0; i < kRingCapacity; ++i) {
        EXPECT_FALSE(invalidate(*store, cache.hash(writer), transactions.begin(), transactions));
        EXPECT_TRUE(served());
    }
    EXPECT_TRUE(invalidate(*store, cache.hash(writer), transactions.begin(), transactions));
    EXPECT_FALSE(served());
    ASSERT_TRUE(store->remove(cache.index(), cache.view(bystander)));
    EXPECT_FALSE(invalidate(*store, cache.hash(writer), transactions.begin(), transactions))
        << "nobody is left to feel it";
}

// A hundred thousand entries, 24 sessions that invalidate one key per transaction, some keys a
// thousand times as often as others.
TEST(StoreBystander, FewerThanOneInAThousandInvalidationsIsFeltByAnother) {
    constexpr int kEntries = 100000, kInvalidations = 60000;
    TestStore store(std::size_t{128} << 20);
    const TestCache cache(*store, 5);
    Transactions transactions;
    const auto name = [](int i) { return "key " + std::to_string(i); };
    const HeldSnapshot first = transactions.snapshot();
    for (int i = 0; i < kEntries; ++i) {
        ASSERT_EQ(cache.put(name(i), "v", first), PublishResult::kPublished);
    }
    ASSERT_EQ(cache.control().live_entries, static_cast<std::uint64_t>(kEntries));

    std::mt19937_64 random(7);
    std::deque<Xid> running;
    std::uint64_t spurious = 0, felt = 0, looked = 0;
    std::vector<bool> written(kEntries);
    for (int i = 0; i < kInvalidations; ++i) {
        const double u = std::uniform_real_distribution<>()(random);
        const int key = static_cast<int>(std::pow(u, 4) * kEntries);
        const Xid xid = transactions.begin();
        running.push_back(xid);
        written[static_cast<std::size_t>(key)] = true;
        if (invalidate(*store, cache.hash(name(key)), xid, transactions)) ++spurious;
        if (running.size() > 24) {
            const auto at = static_cast<std::ptrdiff_t>(random() % running.size());
            transactions.end(running[static_cast<std::size_t>(at)]);
            running.erase(running.begin() + at);
        }
        // Somebody who was never written to, and must be served to everybody.
        const auto other = static_cast<int>(random() % kEntries);
        if (written[static_cast<std::size_t>(other)]) continue;
        ++looked;
        if (cache.peek(name(other), transactions.snapshot()) != LookupResult::kHit) ++felt;
    }
    std::printf("%lu spurious of %d invalidations, %lu of %lu reads of bystanders not served\n",
                spurious, kInvalidations, felt, looked);
    EXPECT_LT(spurious * 1000, static_cast<std::uint64_t>(kInvalidations));
    EXPECT_LT(felt * 1000, looked);
    EXPECT_GT(looked, 10000U);
}

}  // namespace
}  // namespace cache_ext::core::test
