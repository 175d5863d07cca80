// What grows with the number of entries, and what must not: the cost of a hit, of invalidating a
// tag, and how long a sweep holds up readers. Google Benchmark; the ratios are printed at the end.
//
// A hit over many entries misses the processor's caches: bucket, entry and writer slot are three
// places in memory that grow with the number of entries. So there are two kinds of hits: over all
// entries, and over 250 of them, spread over the whole index, which stay in the caches (L2, TLB).
// Only the second shows the work.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <cstdio>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "bench_store.hpp"

namespace cache_ext::core::bench {
namespace {

constexpr std::uint32_t kValueBytes = 200;
constexpr Tag kTag = 0x123456789abcdef1;

struct Filled {
    std::unique_ptr<BenchStore> store;
    std::unique_ptr<BenchCache> cache;
    std::vector<std::uint64_t> anywhere, few;  // keys to ask for
};

Millis now = 1000;

// One store at a time: made again when another size is asked for.
Filled& filled(std::size_t entries, bool tagged = false, Millis expires_at = kNever) {
    static Filled f;
    static std::size_t have = 0;
    static bool have_tagged = false;
    static Millis have_expiry = kNever;
    if (f.store != nullptr && have == entries && have_tagged == tagged &&
        have_expiry == expires_at && f.cache->control().live_entries == entries) {
        return f;
    }
    f = {};
    // As a server would be configured: twice of what is needed.
    f.store = std::make_unique<BenchStore>(std::max(entries * 700, std::size_t{8} << 20), kNoLocks,
                                           Clock{[] { return now; }});
    f.cache = std::make_unique<BenchCache>(**f.store, 1, Limits{0, 0, kNoCache});
    for (std::uint64_t k = 0; k < entries; ++k) {
        f.cache->put(k, kValueBytes, 1000, &kTag, tagged ? 1 : 0, expires_at);
    }
    if (f.cache->control().live_entries != entries) std::abort();
    std::mt19937_64 random(1);
    for (int i = 0; i < 1 << 20; ++i) f.anywhere.push_back(random() % entries);
    std::vector<std::uint64_t> chosen(250);
    for (std::uint64_t& k : chosen) k = random() % entries;
    for (int i = 0; i < 1 << 14; ++i) f.few.push_back(chosen[random() % chosen.size()]);
    have = entries;
    have_tagged = tagged;
    have_expiry = expires_at;
    return f;
}

void hits(benchmark::State& state, bool few) {
    const Filled& f = filled(static_cast<std::size_t>(state.range(0)));
    const std::vector<std::uint64_t>& keys = few ? f.few : f.anywhere;
    std::uint8_t value[kValueBytes];
    std::size_t i = 0;
    for (auto _ : state) {
        if (!f.cache->get(keys[i++ & (keys.size() - 1)], value)) state.SkipWithError("a miss");
    }
}

void BM_HitAnywhere(benchmark::State& state) {
    hits(state, false);
}
void BM_HitOneOfAFew(benchmark::State& state) {
    hits(state, true);
}

// Registers a writer of a tag that all entries carry.
void BM_InvalidateTag(benchmark::State& state) {
    Filled& f = filled(static_cast<std::size_t>(state.range(0)), true);
    Xid xid = 100;
    for (auto _ : state) {
        (*f.store)->register_writer({kTag, TagKind::kPart, false, kNoCache}, xid,
                                    Ended{nullptr, 0, xid});
        ++xid;
    }
}

// The longest time that one call holds a partition's lock, with all of its entries expired or none.
// Processor time: whoever else runs on this machine does not count.
std::map<LockId, double> taken;
double longest_us = 0;

double cpu_us() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

void timed_lock(LockId id) {
    taken[id] = cpu_us();
}
void timed_release(LockId id) {
    const double held = cpu_us() - taken[id];
    if (id >= kFirstPartitionLock && id < kFirstBudgetLock) longest_us = std::max(longest_us, held);
}

struct Sweep {
    double mean_us, longest_us;
};

Sweep sweep(std::size_t entries, std::uint32_t at_once, bool expired) {
    now = 1000;
    BenchStore store(entries * 700, LockTable{no_lock, timed_lock, timed_release},
                     Clock{[] { return now; }});
    const BenchCache cache(*store, 1, Limits{0, 0, kNoCache});
    for (std::uint64_t k = 0; k < entries; ++k) {
        cache.put(k, kValueBytes, 1000, nullptr, 0, 2000);
    }
    std::vector<char> other(std::size_t{64} << 20, 'x');  // out of the processor's caches
    benchmark::DoNotOptimize(std::accumulate(other.begin(), other.end(), 0));
    now = expired ? 3000 : 1500;
    std::vector<double> all;
    for (std::uint32_t p = 0; p < kPartitions; ++p) {
        std::uint32_t cursor = 0;
        do {
            longest_us = 0;
            store->sweep(p, &cursor, at_once);
            all.push_back(longest_us);
        } while (cursor != 0);
    }
    std::sort(all.begin(), all.end());
    return {std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size()),
            all.back()};
}

void print_sweeps() {
    std::printf("\nSweep of 256,000 entries: processor time that a partition is locked for\n");
    for (const std::uint32_t at_once : {250U, 1000U, 2000U}) {
        const Sweep live = sweep(256000, at_once, false), dead = sweep(256000, at_once, true);
        std::printf(
            "%5u entries at once: live, mean %5.0f us, at most %5.0f us; expired, mean %5.0f us, "
            "at most %5.0f us\n",
            at_once, live.mean_us, live.longest_us, dead.mean_us, dead.longest_us);
    }
}

// Keeps the times to print ratios of them.
class Ratios : public benchmark::ConsoleReporter {
  public:
    Ratios() : ConsoleReporter(OO_None) {}
    void ReportRuns(const std::vector<Run>& runs) override {
        ConsoleReporter::ReportRuns(runs);
        for (const Run& r : runs) ns_[r.benchmark_name()] = r.GetAdjustedCPUTime();
    }
    void print() const {
        std::printf("\nRatios of this run\n");
        for (const char* name : {"BM_HitAnywhere", "BM_HitOneOfAFew", "BM_InvalidateTag"}) {
            const auto at = [&](const char* n) { return find(std::string(name) + n); };
            if (at("/1000") <= 0) continue;
            std::printf("%-22s 100,000 to 1,000 entries %.2f, 1,000,000 to 1,000 %.2f\n", name,
                        at("/100000") / at("/1000"), at("/1000000") / at("/1000"));
        }
    }

  private:
    double find(const std::string& name) const {
        const auto it = ns_.find(name);
        return it == ns_.end() ? 0 : it->second;
    }
    std::map<std::string, double> ns_;
};

BENCHMARK(BM_HitAnywhere)->Arg(1000)->Arg(100000)->Arg(1000000);
BENCHMARK(BM_HitOneOfAFew)->Arg(1000)->Arg(100000)->Arg(1000000);
BENCHMARK(BM_InvalidateTag)->Arg(1000)->Arg(100000)->Arg(1000000);

}  // namespace
}  // namespace cache_ext::core::bench

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    cache_ext::core::bench::Ratios ratios;
    benchmark::RunSpecifiedBenchmarks(&ratios);
    ratios.print();
    cache_ext::core::bench::print_sweeps();
    return 0;
}
