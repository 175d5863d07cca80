// Replays a request trace against the store and, in the same run, against strict LRU.
//
//   xz -dc web07.trace.xz | replay NAME [EXPECTED1 EXPECTED10]
//
// Input: 32-bit big-endian integers, one key per request. Prints miss ratios with room for 1 % and
// for 10 % of the distinct keys, by entries, and for the same shares of their bytes when every key
// has a size of 0.2 to 20 KB. Fails if the store misses more often than LRU anywhere, or by entries
// more than 0.005 above what is expected.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <unordered_map>
#include <vector>

#include "bench_store.hpp"
#include "support/lru.hpp"

namespace cache_ext::core::bench {
namespace {

using Trace = std::vector<std::uint32_t>;

Trace read_trace(std::FILE* in) {
    Trace trace;
    std::uint8_t b[4];
    while (std::fread(b, sizeof(b), 1, in) == 1) {
        trace.push_back(static_cast<std::uint32_t>(b[0]) << 24 | b[1] << 16 | b[2] << 8 | b[3]);
    }
    return trace;
}

// 0.2 to 20 KB, the median at 1.5; always the same for one key.
std::uint32_t value_bytes(std::uint64_t key) {
    std::mt19937_64 random(mix(key));
    std::lognormal_distribution<double> sizes(std::log(1500.0), 1.0);
    return static_cast<std::uint32_t>(std::clamp(sizes(random), 200.0, 20000.0));
}

std::uint64_t gross(std::uint32_t value) {
    return Arena::gross_size(Entry::bytes_for(0, 0, sizeof(std::uint64_t), value));
}

struct Ratios {
    double lru, store;
};

Ratios replay(const Trace& trace, const std::unordered_map<std::uint32_t, std::uint32_t>& sizes,
              const Limits& limits, bool by_bytes) {
    const std::size_t room = by_bytes ? limits.max_bytes * 5 / 4 : limits.max_entries * 400;
    BenchStore store(std::max<std::size_t>(room, std::size_t{1} << 22) + (std::size_t{1} << 22));
    const BenchCache cache(*store, 1, limits);
    test::Lru lru(limits.max_entries, limits.max_bytes);
    std::uint64_t store_misses = 0, lru_misses = 0;
    for (const std::uint32_t key : trace) {
        const std::uint32_t bytes = by_bytes ? sizes.find(key)->second : 8;
        if (!cache.get(key)) {
            ++store_misses;
            cache.put(key, bytes);
        }
        if (!lru.request(key, gross(bytes))) ++lru_misses;
    }
    const auto n = static_cast<double>(trace.size());
    return {static_cast<double>(lru_misses) / n, static_cast<double>(store_misses) / n};
}

int run(const char* name, const char* const expected[2]) {
    const Trace trace = read_trace(stdin);
    if (trace.empty()) {
        std::fprintf(stderr, "%s: an empty trace\n", name);
        return 1;
    }
    std::unordered_map<std::uint32_t, std::uint32_t> sizes;
    std::uint64_t total = 0;
    for (const std::uint32_t key : trace) {
        if (sizes.try_emplace(key, 0).second) total += gross(sizes[key] = value_bytes(key));
    }
    bool good = true;
    for (const bool by_bytes : {false, true}) {
        for (const int i : {0, 1}) {
            const std::uint64_t percent = i == 0 ? 1 : 10;
            const Limits limits = {by_bytes ? 0 : sizes.size() * percent / 100,
                                   by_bytes ? total * percent / 100 : 0, kNoCache};
            const Ratios r = replay(trace, sizes, limits, by_bytes);
            const double want = by_bytes || expected[i] == nullptr ? 1 : std::atof(expected[i]);
            const bool ok = r.store <= r.lru && r.store <= want + 0.005;
            std::printf("%-10s %2d %% by %-7s  LRU %.4f  store %.4f  %+5.1f %%", name,
                        static_cast<int>(percent), by_bytes ? "bytes" : "entries", r.lru, r.store,
                        100 * (r.store / r.lru - 1));
            if (want < 1) std::printf("  expected %.3f", want);
            std::printf("%s\n", ok ? "" : "  TOO MANY");
            good = good && ok;
        }
    }
    return good ? 0 : 1;
}

}  // namespace
}  // namespace cache_ext::core::bench

int main(int argc, char** argv) {
    if (argc != 2 && argc != 4) {
        std::fprintf(stderr, "usage: replay NAME [EXPECTED1 EXPECTED10] < trace\n");
        return 2;
    }
    const char* const expected[2] = {argc > 3 ? argv[2] : nullptr, argc > 3 ? argv[3] : nullptr};
    return cache_ext::core::bench::run(argv[1], expected);
}
