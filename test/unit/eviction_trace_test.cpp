// Never more misses than strict LRU, on a generated mixture: keys of very different popularity,
// whose popularity drifts, and scans through keys that are asked for once. test/bench/replay does
// the same with recorded traces.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

#include "support/lru.hpp"
#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const HeldSnapshot kAll = snapshot(100);

struct Request {
    std::uint32_t key;
    std::uint32_t bytes;  // of the value; the same whenever the key is asked for
};

// std::*_distribution differ between libraries, so none is used: the trace is the same everywhere.
std::vector<Request> mixture(std::uint64_t seed) {
    constexpr std::uint32_t kKeys = 4000;
    std::vector<double> cumulative;
    double sum = 0;
    for (std::uint32_t i = 0; i < kKeys; ++i) cumulative.push_back(sum += 1 / std::pow(i + 1, 0.9));
    std::mt19937_64 random(seed);
    std::vector<Request> requests;
    const auto ask = [&](std::uint32_t key) {
        const double u = static_cast<double>(mix(key) % 1000) / 1000;
        requests.push_back({key, static_cast<std::uint32_t>(200 * std::pow(100.0, u * u))});
    };
    std::uint32_t fresh = 1000000;
    for (int i = 0; i < 60000; ++i) {
        const double u = static_cast<double>(random() >> 11) / 9007199254740992.0 * sum;
        const auto rank = static_cast<std::uint32_t>(
            std::lower_bound(cumulative.begin(), cumulative.end(), u) - cumulative.begin());
        ask((rank * 7919 + static_cast<std::uint32_t>(i) / 10000 * 37) % kKeys);
        if (i % 10000 == 5000) {
            for (int j = 0; j < 1000; ++j) ask(fresh++);
        }
    }
    return requests;
}

struct Misses {
    std::uint64_t store = 0, lru = 0;
};

Misses replay(const std::vector<Request>& requests, const Limits& limits, std::size_t memory) {
    TestStore store(memory);
    const TestCache cache(*store, 1, limits);
    Lru lru(limits.max_entries, limits.max_bytes);
    Misses misses;
    for (const Request& r : requests) {
        const std::string key = std::to_string(r.key);
        const std::uint32_t bytes = limits.max_bytes != 0 ? r.bytes : 8;
        if (cache.get(key, kAll).result != LookupResult::kHit) {
            ++misses.store;
            EXPECT_EQ(cache.put(key, std::string(bytes, 'v'), kAll), PublishResult::kPublished);
        }
        const std::size_t gross = Arena::gross_size(Entry::bytes_for(0, 0, key.size(), bytes));
        if (!lru.request(r.key, gross)) ++misses.lru;
    }
    EXPECT_TRUE(store->check());
    return misses;
}

class EvictionTrace : public testing::TestWithParam<std::uint64_t> {
  protected:
    // On these mixtures it is a good deal better, and each part of the policy has a share in that:
    // merely not being worse would not notice if one failed.
    static void expect_better(const char* what, const Misses& misses, double than_lru) {
        std::printf("%s: %lu misses, LRU %lu\n", what, misses.store, misses.lru);
        EXPECT_LE(static_cast<double>(misses.store), than_lru * static_cast<double>(misses.lru))
            << what;
    }
};

TEST_P(EvictionTrace, NeverMoreMissesThanLru) {
    const std::vector<Request> requests = mixture(GetParam());
    std::unordered_set<std::uint32_t> seen;
    std::uint64_t bytes = 0;
    for (const Request& r : requests) {
        if (seen.insert(r.key).second)
            bytes += Arena::gross_size(Entry::bytes_for(0, 0, 6, r.bytes));
    }
    const std::size_t memory = std::size_t{4} << 20;
    expect_better("1 % by entries", replay(requests, {seen.size() / 100, 0, kNoCache}, memory),
                  0.94);
    expect_better("10 % by entries", replay(requests, {seen.size() / 10, 0, kNoCache}, memory),
                  0.965);
    expect_better("1 % by bytes", replay(requests, {0, bytes / 100, kNoCache}, memory), 0.94);
    expect_better("10 % by bytes", replay(requests, {0, bytes / 10, kNoCache}, memory), 0.965);
}

INSTANTIATE_TEST_SUITE_P(Seeds, EvictionTrace, testing::Values(1, 2, 3));

}  // namespace
}  // namespace cache_ext::core::test
