// Eviction by cost: how much loader time it saves over strict LRU and over eviction by use, and
// what it costs in misses where all values cost the same.
//
//   costs [MILLIONS [TRACE...]]     of generated requests; traces as for replay, uncompressed
//
// Every workload is replayed against strict LRU, the store with each of its two ways to evict, and
// GreedyDual-Size-Frequency with a heap and exact credits, for comparison. Room for 10 % of the
// bytes. Fails if eviction by cost does not save loader time where costs differ, or misses more
// often than strict LRU by more than 2 % where they do not.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "bench_store.hpp"
#include "support/lru.hpp"
#include "support/sizes.hpp"

namespace cache_ext::core::bench {
namespace {

struct Item {
    std::uint32_t bytes, load_us;
};

struct Workload {
    std::string name;
    std::vector<std::uint32_t> keys;
    std::unordered_map<std::uint32_t, Item> items;
    bool skewed;
};

std::uint64_t gross(const Item& item) {
    return Arena::gross_size(Entry::bytes_for(0, 0, sizeof(std::uint64_t), item.bytes));
}

// H = L + uses * cost / size; L is the H of the last victim (Cherkasova, HP Labs 1998).
class Gdsf {
  public:
    explicit Gdsf(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}

    bool request(std::uint32_t key, const Item& item) {
        const double worth = static_cast<double>(item.load_us) / static_cast<double>(gross(item));
        const auto known = held_.find(key);
        const bool hit = known != held_.end();
        double uses = 1;
        if (hit) {
            uses = known->second.uses + 1;
            order_.erase({known->second.due, key});
        } else {
            used_ += gross(item);
        }
        held_[key] = {last_ + uses * worth, uses, gross(item)};
        order_.insert({last_ + uses * worth, key});
        while (used_ > max_bytes_) {
            const auto [due, victim] = *order_.begin();
            last_ = due;
            order_.erase(order_.begin());
            used_ -= held_[victim].bytes;
            held_.erase(victim);
        }
        return hit;
    }

  private:
    struct Held {
        double due, uses;
        std::uint64_t bytes;
    };
    std::uint64_t max_bytes_, used_ = 0;
    double last_ = 0;
    std::set<std::pair<double, std::uint32_t>> order_;
    std::unordered_map<std::uint32_t, Held> held_;
};

struct Outcome {
    std::uint64_t misses = 0;
    double seconds = 0;
};

template <class Request>
Outcome replay(const Workload& w, Request request) {
    Outcome outcome;
    for (const std::uint32_t key : w.keys) {
        const Item& item = w.items.find(key)->second;
        if (request(key, item)) continue;
        ++outcome.misses;
        outcome.seconds += item.load_us / 1e6;
    }
    return outcome;
}

Outcome replay_store(const Workload& w, std::uint64_t max_bytes, Eviction by) {
    BenchStore store(max_bytes * 5 / 4 + (std::size_t{8} << 20));
    store->set_eviction(by);
    const BenchCache cache(*store, 1, {0, max_bytes, kNoCache});
    return replay(w, [&](std::uint32_t key, const Item& item) {
        if (cache.get(key)) return true;
        cache.put(key, item.bytes, item.load_us);
        return false;
    });
}

bool run(const Workload& w) {
    std::uint64_t total = 0;
    for (const auto& [key, item] : w.items) total += gross(item);
    const std::uint64_t room = total / 10;
    test::Lru lru(0, room);
    Gdsf gdsf(room);
    const Outcome outcomes[] = {
        replay(w, [&](auto key, const Item& item) { return lru.request(key, gross(item)); }),
        replay_store(w, room, Eviction::kLru), replay_store(w, room, Eviction::kCost),
        replay(w, [&](auto key, const Item& item) { return gdsf.request(key, item); })};
    const char* const names[] = {"strict LRU", "by use", "by cost", "GDSF, exact"};
    const double n = static_cast<double>(w.keys.size());
    std::printf("%s\n", w.name.c_str());
    for (int i = 0; i < 4; ++i) {
        std::printf("  %-12s misses %.4f (%+6.1f %%)  loader time %8.0f s (%+6.1f %%)\n", names[i],
                    static_cast<double>(outcomes[i].misses) / n,
                    100.0 * (static_cast<double>(outcomes[i].misses) /
                                 static_cast<double>(outcomes[0].misses) -
                             1),
                    outcomes[i].seconds, 100 * (outcomes[i].seconds / outcomes[0].seconds - 1));
    }
    const bool ok = w.skewed
                        ? outcomes[2].seconds < std::min(outcomes[0].seconds, outcomes[1].seconds)
                        : static_cast<double>(outcomes[2].misses) <
                              1.02 * static_cast<double>(outcomes[0].misses);
    if (!ok) std::printf("  NOT GOOD ENOUGH\n");
    return ok;
}

std::vector<std::uint32_t> zipf(std::uint32_t keys, std::size_t requests, double s) {
    std::vector<double> cumulative;
    double sum = 0;
    for (std::uint32_t i = 0; i < keys; ++i) cumulative.push_back(sum += 1 / std::pow(i + 1, s));
    std::mt19937_64 random(4);
    std::uniform_real_distribution<double> anywhere(0, sum);
    std::vector<std::uint32_t> result;
    while (result.size() < requests) {
        result.push_back(static_cast<std::uint32_t>(
            std::lower_bound(cumulative.begin(), cumulative.end(), anywhere(random)) -
            cumulative.begin()));
    }
    return result;
}

std::vector<std::uint32_t> read_trace(const char* path) {
    std::vector<std::uint32_t> trace;
    std::FILE* in = std::fopen(path, "rb");
    std::uint8_t b[4];
    while (in != nullptr && std::fread(b, sizeof(b), 1, in) == 1) {
        trace.push_back(static_cast<std::uint32_t>(b[0]) << 24 | b[1] << 16 | b[2] << 8 | b[3]);
    }
    if (in != nullptr) std::fclose(in);
    return trace;
}

enum class Cost { kSame, kLogNormal, kThree };
enum class Size { kSame, kMixed };

Workload workload(const std::string& name, const std::vector<std::uint32_t>& keys, Cost cost,
                  Size size) {
    static const char* const costs[] = {"all loads 5 ms", "loads log-normal around 5 ms",
                                        "loads of 0.1, 10 or 1000 ms"};
    Workload w = {name + ", " + costs[static_cast<int>(cost)] +
                      (size == Size::kSame ? ", values of 1 KB" : ", values of 0.2 to 20 KB"),
                  keys,
                  {},
                  cost != Cost::kSame};
    for (const std::uint32_t key : keys) {
        const auto [it, fresh] = w.items.try_emplace(key);
        if (!fresh) continue;
        std::mt19937_64 random(mix(key));
        it->second.bytes = size == Size::kSame ? 1000 : test::mixed_size(random, 1500);
        std::lognormal_distribution<double> times(std::log(5000.0), 1.5);
        static constexpr std::uint32_t three[] = {100, 10000, 1000000};
        it->second.load_us = cost == Cost::kSame ? 5000
                             : cost == Cost::kLogNormal
                                 ? static_cast<std::uint32_t>(std::min(times(random), 1e7))
                                 : three[random() % 3];
    }
    return w;
}

int main(int argc, char** argv) {
    bool good = true;
    const auto requests = static_cast<std::size_t>(1e6 * (argc > 1 ? std::atof(argv[1]) : 2));
    const auto all = [&](const std::string& name, const std::vector<std::uint32_t>& keys) {
        for (const Cost cost : {Cost::kSame, Cost::kLogNormal, Cost::kThree}) {
            for (const Size size : {Size::kSame, Size::kMixed}) {
                good = run(workload(name, keys, cost, size)) && good;
            }
        }
    };
    all("zipf 0.9", zipf(100000, requests, 0.9));
    for (int i = 2; i < argc; ++i) all(argv[i], read_trace(argv[i]));
    return good ? 0 : 1;
}

}  // namespace
}  // namespace cache_ext::core::bench

int main(int argc, char** argv) {
    return cache_ext::core::bench::main(argc, argv);
}
