// How much of the memory holds payload (keys and values), and what one put costs others.
//
//   memory [MILLIONS_OF_PUTS]
//
// Random puts of 0.2 to 20 KB into a block that is always full, first with a median of 1.5 KB, then
// of 6 KB; without tags, with a tag of its own for each entry, with one for ten keys (of which few
// are cached at a time), and with one for about ten entries. Then again with a writer of the tag
// before each put, as if every value was read after it was invalidated. Fails if less than 90 % is
// payload without tags, 89 % with a tag for ten entries, 75 % otherwise, or if a put fails.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "bench_store.hpp"
#include "support/sizes.hpp"

namespace cache_ext::core::bench {
namespace {

constexpr std::size_t kBlock = std::size_t{128} << 20;
constexpr std::uint64_t kKeys = 400000;

enum class Tags : std::uint64_t { kNone = 0, kOwn = 1, kTenKeys = 10, kTenEntries = 80 };

struct Watch {
    std::uint64_t puts = 0, failed = 0, evictions = 0, most_for_small = 0, most_for_large = 0;
};

// Gross bytes less the headers, the references to tags and half a unit of rounding.
double payload_share(const BenchCache& cache, Tags tags) {
    const CacheControl& c = cache.control();
    const std::uint64_t overhead = Entry::bytes_for(tags == Tags::kNone ? 0 : 1, 0, 0, 0) +
                                   Arena::kOverhead + Arena::kUnit / 2;
    return static_cast<double>(c.live_bytes - c.live_entries * overhead) /
           static_cast<double>(kBlock);
}

// Somebody has changed what the tag stands for, and has ended by the time of the next call.
void write(Store& store, Tag tag) {
    static Xid xid = 1000;
    const Ended ended = {nullptr, 0, ++xid};
    store.register_writer({tag, TagKind::kPart, false, kNoCache}, xid, ended);
}

void put(Store& store, const BenchCache& cache, std::mt19937_64& random, double median, Tags tags,
         bool written, Watch* watch) {
    const std::uint64_t key = random() % kKeys;
    const Tag tag = mix(~(key / std::max<std::uint64_t>(1, static_cast<std::uint64_t>(tags))));
    if (written) write(store, tag);
    const std::uint32_t bytes = test::mixed_size(random, median);
    const std::uint64_t before = cache.control().counters.totals()[Counter::kEvictions];
    const PublishResult r = cache.put(key, bytes, 1000, &tag, tags == Tags::kNone ? 0 : 1);
    const std::uint64_t gone = cache.control().counters.totals()[Counter::kEvictions] - before;
    ++watch->puts;
    watch->evictions += gone;
    if (r != PublishResult::kPublished) ++watch->failed;
    std::uint64_t& most = bytes < 2000 ? watch->most_for_small : watch->most_for_large;
    most = std::max(most, gone);
}

bool run(std::uint64_t puts, Tags tags, const char* name, bool written = false) {
    BenchStore store(kBlock);
    const BenchCache cache(*store, 1, {0, 0, kNoCache});
    std::mt19937_64 random(1);
    bool good = true;
    for (const double median : {1500.0, 6000.0}) {
        Watch watch;
        for (std::uint64_t i = 0; i < puts; ++i) {
            put(*store, cache, random, median, tags, written, &watch);
        }
        const double share = payload_share(cache, tags);
        const double wanted = tags == Tags::kNone ? 0.9 : tags == Tags::kTenEntries ? 0.89 : 0.75;
        const bool ok = watch.failed == 0 && share >= wanted;
        const StoreStats stats = store->stats();
        std::printf(
            "%-16s median %.1f KB: %5.1f %% payload, %7lu entries, %lu nodes, %lu "
            "pages, %.2f evictions a put, at most %lu for less than 2 KB and %lu for more%s\n",
            name, median / 1000, 100 * share, cache.control().live_entries, stats.nodes,
            stats.pages, static_cast<double>(watch.evictions) / static_cast<double>(watch.puts),
            watch.most_for_small, watch.most_for_large, ok ? "" : "  FAILED");
        good = good && ok;
    }
    // A value that is far larger than the others.
    for (const std::uint32_t bytes : {100000U, 1000000U}) {
        Watch watch;
        std::uint64_t most = 0, total = 0;
        for (int i = 0; i < 100; ++i) {
            for (int j = 0; j < 100; ++j) put(*store, cache, random, 1500, tags, written, &watch);
            const std::uint64_t before = cache.control().counters.totals()[Counter::kEvictions];
            if (cache.put(kKeys + static_cast<std::uint64_t>(i), bytes) !=
                PublishResult::kPublished) {
                good = false;
            }
            const std::uint64_t gone =
                cache.control().counters.totals()[Counter::kEvictions] - before;
            most = std::max(most, gone);
            total += gone;
        }
        std::printf("%-16s a value of %u KB evicts %lu entries on average, at most %lu\n", name,
                    bytes / 1000, total / 100, most);
    }
    if (!store->check()) {
        std::printf("%s: the store is broken\n", name);
        good = false;
    }
    return good;
}

}  // namespace
}  // namespace cache_ext::core::bench

int main(int argc, char** argv) {
    using namespace cache_ext::core::bench;
    const std::uint64_t puts =
        (argc > 1 ? static_cast<std::uint64_t>(std::atoi(argv[1])) : 10) * 1000000;
    const bool none = run(puts, Tags::kNone, "no tags");
    bool good = none;
    for (const bool written : {false, true}) {
        good &= run(puts / 10, Tags::kOwn, written ? "own, written" : "own", written);
        good &= run(puts / 10, Tags::kTenKeys, written ? "keys, written" : "ten keys", written);
        good &= run(puts / 10, Tags::kTenEntries, written ? "entries, written" : "ten entries",
                    written);
    }
    return good ? 0 : 1;
}
