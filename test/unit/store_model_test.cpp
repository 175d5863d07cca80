// A million random operations against a model that knows every right value, and every reason for
// which one may not be served.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

constexpr int kCaches = 3;
constexpr int kKeys = 40;
constexpr int kParts = 4;
constexpr std::size_t kHeld = 6;  // snapshots

// What a writer changes: a key, a part of the keys, or a cache. A loader returns the sum of the
// marks of the committed writers of all three that its snapshot sees.
struct Thing {
    struct Writer {
        Xid xid;
        bool ended;
        std::uint64_t mark;  // 0 once aborted
    };
    std::deque<Writer> recent;
    std::uint64_t base = 0;  // of writers that every snapshot sees
    std::uint64_t hard = 0;  // of hard writers: all snapshots see them
    std::uint64_t version(const HeldSnapshot& s) const {
        std::uint64_t sum = base + hard;
        for (const Writer& w : recent) {
            if (w.ended && !s.in_progress(w.xid)) sum += w.mark;
        }
        return sum;
    }
};

struct Running {
    Xid xid;
    int thing;
    bool hard;
    bool registered;
};

struct ModelEntry {
    HeldSnapshot filled;
    Millis expires_at;
};

struct LateFill {
    int key;
    HeldSnapshot filled;
    std::string value;
    Options options;
};

class Simulation {
  public:
    Simulation(std::uint64_t seed, std::size_t bytes, bool ample)
        : random_(seed), ample_(ample), store_(bytes) {
        const Limits limits = {ample ? 0U : 90U, 0, kNoCache};
        for (int c = 0; c < kCaches; ++c) caches_.emplace_back(*store_, c + 1, limits);
        snapshots_.assign(kHeld, transactions_.snapshot());
    }

    void run(int operations) {
        for (int i = 0; i < operations && !testing::Test::HasFailure(); ++i) {
            const std::uint64_t dice = random_() % 1000;
            if (dice < 700) {
                read();
            } else if (dice < 800) {
                snapshots_[random_() % kHeld] = transactions_.snapshot();
            } else if (dice < 830) {
                if (running_.size() < 5) begin();
            } else if (dice < 860) {
                announce();
            } else if (dice < 910) {
                end();
            } else if (dice < 930) {
                publish_late();
            } else if (dice < 940) {
                remove();
            } else if (dice < 960) {
                FakeClock::advance(static_cast<Millis>(random_() % 3));
            } else if (dice < 970) {
                std::uint32_t cursor = 0;
                store_->sweep(static_cast<std::uint32_t>(random_() % kPartitions), &cursor, 100);
            }
            if (i % 64 == 0) forget_old_writers();
            if (i % 50000 == 0) {
                ASSERT_TRUE(settled_check(*store_)) << i;
            }
        }
        EXPECT_TRUE(settled_check(*store_));
    }

    std::uint64_t reads = 0, hits = 0;
    std::map<LookupResult, std::uint64_t> results;

  private:
    static int part_of(int key) { return kCaches * kKeys + key / kKeys * kParts + key % kParts; }
    static int whole_of(int key) { return kCaches * (kKeys + kParts) + key / kKeys; }
    static std::string name(int key) { return "key " + std::to_string(key); }
    static Tag part_tag(int thing) { return mix(5000 + static_cast<std::uint64_t>(thing)); }
    const TestCache& cache_of(int key) const { return caches_[key / kKeys]; }
    int some_key() {
        const std::uint64_t a = random_() % (kCaches * kKeys), b = random_() % (kCaches * kKeys);
        return static_cast<int>(std::min(a, b));
    }

    std::string load(int key, const HeldSnapshot& s) const {
        return name(key) + ": " + std::to_string(things_[key].version(s)) + " " +
               std::to_string(things_[part_of(key)].version(s)) + " " +
               std::to_string(things_[whole_of(key)].version(s));
    }

    void read() {
        const int key = some_key();
        const HeldSnapshot& s = snapshots_[random_() % kHeld];
        ++reads;
        const Got peeked = cache_of(key).get_quietly(name(key), s, Detail::kPeek);
        const Got got = cache_of(key).get(name(key), s);
        ASSERT_EQ(peeked.result, got.result);
        ASSERT_EQ(peeked.value, got.value);
        ++results[got.result];
        const std::string right = load(key, s);
        if (got.result == LookupResult::kHit) {
            ++hits;
            ASSERT_EQ(got.value.substr(0, got.value.find('|')), right);
            ASSERT_LT(FakeClock::time, got.found.expires_at);
            return;
        }
        if (ample_) expect_reason(got.result, key, s);
        LateFill fill = {key, s, right + "|" + std::string(random_() % 400, 'x'), {}};
        if (random_() % 2 == 0) {
            fill.options.expires_at = FakeClock::time + 1 + static_cast<Millis>(random_() % 200);
        }
        fill.options.tags = {{part_tag(part_of(key))}};
        if (random_() % 8 == 0 && late_.size() < 20) {
            late_.push_back(fill);
        } else {
            publish(fill);
        }
    }

    void publish(const LateFill& fill) {
        const PublishResult result =
            cache_of(fill.key).put(name(fill.key), fill.value, fill.filled, fill.options);
        ASSERT_NE(result, PublishResult::kNoMemory);
        ASSERT_NE(result, PublishResult::kOversized);
        ASSERT_NE(result, PublishResult::kNoCache);
        if (result != PublishResult::kPublished) return;
        entries_[fill.key] = {fill.filled, fill.options.expires_at};
    }
    void publish_late() {
        if (late_.empty()) return;
        const std::size_t i = random_() % late_.size();
        publish(late_[i]);
        late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(i));
    }

    void remove() {
        const int key = some_key();
        if (random_() % 20 == 0) {
            store_->remove_all(cache_of(key).index());
            for (int k = key / kKeys * kKeys, i = 0; i < kKeys; ++i) entries_.erase(k + i);
        } else {
            store_->remove(cache_of(key).index(), cache_of(key).view(name(key)));
            entries_.erase(key);
        }
    }

    // With memory to spare there is a reason for everything that is not served.
    void expect_reason(LookupResult result, int key, const HeldSnapshot& s) {
        const auto e = entries_.find(key);
        if (e == entries_.end()) {
            ASSERT_EQ(result, LookupResult::kAbsent);
            return;
        }
        const HeldSnapshot& f = e->second.filled;
        if (FakeClock::time >= e->second.expires_at) {
            ASSERT_TRUE(result == LookupResult::kExpired || result == LookupResult::kAbsent);
            return;
        }
        ASSERT_NE(result, LookupResult::kExpired);
        const std::set<int> own = {key, part_of(key), whole_of(key)};
        bool blind_fill = false, blind_reader = false, disagree = false;
        for (const auto& [thing, xid] : registered_) {
            if (own.count(thing) != 0) {
                disagree |= f.in_progress(xid) != s.in_progress(xid);
                blind_fill |= f.in_progress(xid);
            }
            blind_reader |= s.in_progress(xid);  // of any tag: slots are shared
        }
        if (result == LookupResult::kContradicted) {
            ASSERT_TRUE(disagree || outdated_.count(key) != 0) << name(key);
        } else if (result == LookupResult::kAbsent) {
            ASSERT_TRUE(blind_fill || outdated_.count(key) != 0) << name(key);
        } else {
            ASSERT_EQ(result, LookupResult::kUnusable);
            ASSERT_TRUE(blind_reader) << name(key);
        }
    }

    void begin() {
        const Xid xid = transactions_.begin();
        const bool whole = random_() % 20 == 0;
        const int key = some_key();
        const int thing = whole ? whole_of(key) : random_() % 5 == 0 ? part_of(key) : key;
        running_.push_back({xid, thing, whole && random_() % 2 == 0, false});
    }

    void announce() {
        if (running_.empty()) return;
        Running& r = running_[random_() % running_.size()];
        if (r.registered) return;
        r.registered = true;
        WrittenTag written = {0, TagKind::kKey, false, kNoCache};
        if (r.thing < kCaches * kKeys) {
            written.tag = cache_of(r.thing).hash(name(r.thing));
        } else if (r.thing < kCaches * (kKeys + kParts)) {
            written.kind = TagKind::kPart;
            written.tag = part_tag(r.thing);
        } else {
            const TestCache& cache = caches_[r.thing - kCaches * (kKeys + kParts)];
            written = {cache.whole(), TagKind::kWhole, r.hard, cache.index()};
        }
        Xid on_record[kMaxRunning];
        const std::uint32_t n = store_->possibly_running(written, on_record);
        const Knowledge knowledge(transactions_, on_record, n);
        store_->register_writer(written, r.xid, knowledge);
        registered_.emplace_back(r.thing, r.xid);
        if (!r.hard) things_[r.thing].recent.push_back({r.xid, false, 0});
    }

    void end() {
        if (running_.empty()) return;
        const std::size_t i = random_() % running_.size();
        const Running r = running_[i];
        running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
        transactions_.end(r.xid);
        if (!r.registered || random_() % 8 == 0) {  // aborted
            for (Thing::Writer& w : things_[r.thing].recent) w.ended |= w.xid == r.xid;
            return;
        }
        if (r.hard) things_[r.thing].hard += r.xid;
        for (Thing::Writer& w : things_[r.thing].recent) {
            if (w.xid == r.xid) w = {w.xid, true, r.xid};
        }
    }

    // Whom everybody sees need not be remembered one by one.
    void forget_old_writers() {
        Xid oldest = transactions_.oldest_running();
        for (const HeldSnapshot& s : snapshots_) oldest = std::min(oldest, s.xmin());
        for (const LateFill& f : late_) oldest = std::min(oldest, f.filled.xmin());
        for (Thing& t : things_) {
            while (!t.recent.empty() && t.recent.front().xid < oldest) {
                t.base += t.recent.front().mark;
                t.recent.pop_front();
            }
        }
        std::vector<std::pair<int, Xid>> kept;
        std::set<int> touched;
        for (const auto& [thing, xid] : registered_) {
            if (xid >= oldest) {
                kept.emplace_back(thing, xid);
                continue;
            }
            for (const auto& [key, e] : entries_) {
                if ((thing == key || thing == part_of(key) || thing == whole_of(key)) &&
                    e.filled.in_progress(xid)) {
                    touched.insert(key);
                }
            }
        }
        registered_ = kept;
        outdated_.insert(touched.begin(), touched.end());
        for (auto it = outdated_.begin(); it != outdated_.end();) {
            const auto e = entries_.find(*it);
            // A fill that saw all of those is good again.
            if (e == entries_.end() ||
                (touched.count(*it) == 0 && e->second.filled.xmin() >= oldest)) {
                it = outdated_.erase(it);
            } else {
                ++it;
            }
        }
    }

    std::mt19937_64 random_;
    bool ample_;
    TestStore store_;
    std::vector<TestCache> caches_;
    Transactions transactions_;
    std::vector<HeldSnapshot> snapshots_;
    std::vector<Running> running_;
    std::vector<LateFill> late_;
    std::vector<std::pair<int, Xid>> registered_;  // in order, as far as somebody may be blind
    std::map<int, ModelEntry> entries_;            // the last fill of each key
    std::set<int> outdated_;                       // entries blind to a writer that all others see
    Thing things_[kCaches * (kKeys + kParts + 1)];
};

void print(const Simulation& s) {
    std::printf("%lu hits of %lu reads", s.hits, s.reads);
    for (const auto& [result, n] : s.results) {
        std::printf(", %s %lu", testing::PrintToString(result).c_str(), n);
    }
    std::printf("\n");
}

TEST(StoreModel, WithAmpleMemoryOnlyRightValuesAreServedAndEveryMissHasAReason) {
    for (std::uint64_t seed = 1; seed <= 5 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        Simulation simulation(seed, std::size_t{4} << 20, true);
        simulation.run(200000);
        print(simulation);
        EXPECT_GT(simulation.hits * 10, simulation.reads * 4);
    }
}

TEST(StoreModel, WithLittleMemoryOnlyRightValuesAreServed) {
    for (std::uint64_t seed = 11; seed <= 13 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        Simulation simulation(seed, Store::min_bytes({8}), false);
        simulation.run(100000);
        print(simulation);
        EXPECT_GT(simulation.hits * 10, simulation.reads * 3);
    }
}

}  // namespace
}  // namespace cache_ext::core::test
