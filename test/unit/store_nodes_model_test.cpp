// Random histories of a few tags with many writers at once, against a model that knows every right
// value: nodes that get memory or not, die and are born again, in a slot that they share with keys;
// and old values, which must not be older than they may.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

constexpr int kParts = 14;
constexpr int kInner = 2;  // keys that others have read
constexpr int kKeys = 18;
constexpr int kThings = kParts + kKeys;
constexpr std::size_t kHeld = 8;
constexpr Millis kStaleFor = 40;

// Takes memory away, and gives it back.
class Hog {
  public:
    explicit Hog(TestStore& store)
        : arena_(store.block() + reinterpret_cast<const StoreHeader*>(store.block())->arena) {}
    void eat(std::size_t bytes) {
        Ref ref;
        while ((ref = arena_.allocate(bytes)) != kNullRef) {
            *arena_.at<Label>(ref) = kGhostLabel;
            eaten_.push_back(ref);
        }
    }
    void spit(std::size_t n, std::mt19937_64& random) {
        while (n-- > 0 && !eaten_.empty()) {
            std::swap(eaten_[random() % eaten_.size()], eaten_.back());
            arena_.free(eaten_.back());
            eaten_.pop_back();
        }
    }
    void spit_all() {
        for (const Ref ref : eaten_) arena_.free(ref);
        eaten_.clear();
    }

  private:
    Arena arena_;
    std::vector<Ref> eaten_;
};

struct Writer {
    Xid xid;
    Millis at;  // when it registered first
    bool committed;
};

struct Running {
    Xid xid;
    std::vector<int> things;
    std::size_t registered = 0;  // so many of them
};

// Of a registration that goes on later: what was known when it began.
struct Late {
    Xid xid;
    int thing;
    Knowledge knowledge;
};

class Simulation {
  public:
    Simulation(std::uint64_t seed, bool hungry)
        : random_(seed),
          hungry_(hungry),
          most_(3 + seed % 12),
          wide_(1 + seed % 10),
          store_(Store::min_bytes({8})) {
        store_->set_limits(cache_.index(), {0, 0, kNoCache, kStaleFor});
        snapshots_.assign(kHeld, transactions_.snapshot());
        // Nearly all in one slot; two partitions, of which the second has no keys: whoever asks for
        // both does so in one order.
        const Tag base = mix(seed) / kPartitions * kPartitions + 5;
        for (int i = 0; i < kThings; ++i) {
            const Tag other = i >= kParts ? base + kPartitions : i % 2 == 0 ? base + 1 : base;
            tags_.push_back(test::neighbour(i % 7 > 4 ? other : base, static_cast<Tag>(i)));
        }
    }

    void run(int steps) {
        for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
            step();
            if (i % 2000 == 1999) check();
        }
        check();
    }

    std::uint64_t reads = 0, hits = 0, stale = 0, nodes = 0, refused = 0;

  private:
    void step() {
        const std::uint64_t dice = random_() % 1000;
        if (dice < 90) {
            if (running_.size() < most_) begin();
        } else if (dice < 300) {
            announce();
        } else if (dice < 360) {
            end();
        } else if (dice < 420) {
            const std::size_t i = random_() % kHeld;
            snapshots_[i] = transactions_.snapshot();
            taken_[i] = FakeClock::time;
        } else if (dice < 430) {
            borrow();
        } else if (dice < 450) {
            store_->remove(cache_.index(), view(key()));
        } else if (dice < 453) {
            store_->remove_all(cache_.index());
        } else if (dice < 460) {
            FakeClock::advance(static_cast<Millis>(random_() % 20));
        } else if (dice < 468 && hungry_) {
            random_() % 2 == 0 ? hog_.eat(random_() % 2 == 0 ? 40 : 400)
                               : hog_.spit(random_() % 400, random_);
        } else if (dice < 490) {
            publish_late();
        } else {
            read();
        }
        nodes = std::max(nodes, store_->stats().nodes);
    }

    void check() {
        hog_.spit_all();
        ASSERT_TRUE(settled_check(*store_));
    }

    int key() { return kParts + static_cast<int>(random_() % kKeys); }
    static std::string name(int key) { return "key " + std::to_string(key); }
    KeyView view(int key) const {
        static thread_local std::string bytes;
        bytes = name(key);
        return cache_.view(bytes, tags_[static_cast<std::size_t>(key)]);
    }
    Tag tag(int thing) const { return tags_[static_cast<std::size_t>(thing)]; }
    // What the value of a key depends on besides itself.
    static std::vector<int> parts_of(int key) {
        std::vector<int> parts = {key % kParts};
        if (key % 3 == 0) parts.push_back((key + 1) % kParts);
        if (key % 4 == 0 && key >= kParts + kInner) parts.push_back(kParts + key % kInner);
        return parts;
    }
    std::vector<int> things_of(int key) const {
        std::vector<int> things = parts_of(key);
        things.push_back(key);
        return things;
    }

    std::string load(int key, const HeldSnapshot& s) const {
        std::string value = name(key) + ":";
        for (const int thing : things_of(key)) {
            std::uint64_t sum = 0;
            for (const Writer& w : writers_[thing]) {
                if (w.committed && !s.in_progress(w.xid)) sum += w.xid * w.xid;
            }
            value += std::to_string(sum) + ",";
        }
        return value;
    }

    struct Filled {
        int key;
        HeldSnapshot f;
        std::string value;
        Millis at;
    };

    void read() {
        const int k = key();
        const std::size_t which = random_() % kHeld;
        const HeldSnapshot& s = snapshots_[which];
        ++reads;
        std::uint8_t buffer[2048];
        const bool quiet = random_() % 2 == 0;
        const bool allow_stale = random_() % 4 == 0;
        const Found found =
            store_->lookup(cache_.index(), view(k), s,
                           {buffer, sizeof(buffer), quiet ? Detail::kPeek : Detail::kServe,
                            allow_stale ? OldValues::kStale : OldValues::kNone});
        const std::string right = load(k, s);
        if (found.result == LookupResult::kHit || found.result == LookupResult::kStale) {
            std::string got(buffer, buffer + found.value_bytes);
            got = got.substr(0, got.find('|'));
            if (found.result == LookupResult::kHit) {
                ++hits;
                ASSERT_EQ(got, right);
                return;
            }
            ++stale;
            expect_old_enough(k, s);
        }
        Filled fill = {k, s, right + "|" + std::string(random_() % 300, 'x'), taken_[which]};
        if (random_() % 6 == 0) {
            late_.push_back(fill);
        } else {
            publish(fill);
        }
    }

    // The value knows no writer that s does not see, and the first one that it misses is not long
    // ago, or the value is not.
    void expect_old_enough(int k, const HeldSnapshot& s) {
        const auto known = entries_.find(k);
        ASSERT_NE(known, entries_.end());
        const HeldSnapshot& f = known->second.f;
        for (const int thing : things_of(k)) {
            for (const Writer& w : writers_[thing]) {
                ASSERT_TRUE(f.in_progress(w.xid) || !s.in_progress(w.xid)) << w.xid;
                if (f.in_progress(w.xid) && !s.in_progress(w.xid)) {
                    ASSERT_LT(FakeClock::time - kStaleFor, std::max(w.at, known->second.at));
                }
            }
        }
    }

    void publish(const Filled& fill) {
        Options options;
        options.hash = tag(fill.key);
        for (const int part : parts_of(fill.key)) {
            options.tags.push_back({tag(part), part >= kParts, kNoCache});
        }
        const Millis now = FakeClock::time;
        FakeClock::set(fill.at);  // its calculated_at
        const PublishResult result = cache_.put(name(fill.key), fill.value, fill.f, options);
        FakeClock::set(now);
        if (result == PublishResult::kPublished) {
            entries_[fill.key] = fill;
        } else if (result == PublishResult::kNoMemory) {
            ++refused;
            ASSERT_TRUE(hungry_);
        }
    }
    void publish_late() {
        if (late_.empty()) return;
        const std::size_t i = random_() % late_.size();
        publish(late_[i]);
        late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(i));
    }

    void begin() {
        Running r = {transactions_.begin(), {}};
        // Some things are written by many.
        for (std::uint64_t n = 1 + random_() % wide_; n > 0; --n) {
            r.things.push_back(
                static_cast<int>(random_() % 3 == 0 ? random_() % kThings : random_() % kParts));
        }
        running_.push_back(r);
    }

    Knowledge ask(const WrittenTag& written) {
        Xid on_record[kMaxRunning];
        const std::uint32_t n = store_->possibly_running(written, on_record);
        if (random_() % 8 == 0) return Knowledge({}, transactions_.oldest_running());
        return Knowledge(transactions_, on_record, n);
    }
    WrittenTag written(int thing, bool borrowed = false) const {
        return {tag(thing), thing < kParts ? TagKind::kPart : TagKind::kKey, false, kNoCache,
                borrowed};
    }
    // In two steps, between which others may do what they like.
    void announce() {
        if (announcing_.size() < 3 && !running_.empty()) {
            Running& r = running_[random_() % running_.size()];
            if (r.registered < r.things.size()) {
                const int thing = r.things[r.registered++];
                announcing_.push_back({r.xid, thing, ask(written(thing))});
                if (random_() % 2 == 0) return;
            }
        }
        if (!announcing_.empty()) finish(random_() % announcing_.size());
    }
    void finish(std::size_t i) {
        const Late l = announcing_[i];
        announcing_.erase(announcing_.begin() + static_cast<std::ptrdiff_t>(i));
        store_->register_writer(written(l.thing), l.xid, l.knowledge);
        note(l.thing, l.xid);
    }
    void note(int thing, Xid xid) {
        for (const Writer& w : writers_[thing]) {
            if (w.xid == xid) return;
        }
        writers_[thing].push_back({xid, FakeClock::time, false});
    }
    // Somebody registers another one again, who may have ended.
    void borrow() {
        const int thing = static_cast<int>(random_() % kThings);
        if (writers_[thing].empty()) return;
        const std::size_t back = 1 + random_() % std::min<std::size_t>(writers_[thing].size(), 6);
        const Xid xid = writers_[thing][writers_[thing].size() - back].xid;
        store_->register_writer(written(thing, true), xid, ask(written(thing)));
    }

    void end() {
        if (running_.empty()) return;
        const std::size_t i = random_() % running_.size();
        const Running r = running_[i];
        running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
        for (std::size_t a = announcing_.size(); a-- > 0;) {
            if (announcing_[a].xid == r.xid) finish(a);
        }
        transactions_.end(r.xid);
        if (random_() % 8 == 0) return;
        for (auto& things : writers_) {
            for (Writer& w : things) w.committed |= w.xid == r.xid;
        }
    }

    std::mt19937_64 random_;
    bool hungry_;
    std::size_t most_, wide_;  // transactions at once, and what each of them writes
    TestStore store_;
    TestCache cache_{*store_, 1};
    Hog hog_{store_};
    Transactions transactions_;
    std::vector<Tag> tags_;
    std::vector<HeldSnapshot> snapshots_;
    std::vector<Millis> taken_ = std::vector<Millis>(kHeld, 1000);
    std::vector<Running> running_;
    std::vector<Late> announcing_;
    std::vector<Filled> late_;
    std::map<int, Filled> entries_;
    std::vector<Writer> writers_[kThings];
};

// So many histories; more with CACHE_EXT_HISTORIES.
std::uint64_t histories(std::uint64_t usual) {
    const char* more = std::getenv("CACHE_EXT_HISTORIES");
    return more != nullptr ? std::strtoull(more, nullptr, 10) : usual;
}

void run(bool hungry) {
    const char* first = std::getenv("CACHE_EXT_FIRST");
    const std::uint64_t from = first != nullptr ? std::strtoull(first, nullptr, 10) : 1;
    std::uint64_t reads = 0, hits = 0, stale = 0, nodes = 0, refused = 0;
    for (std::uint64_t seed = from; seed < from + histories(50); ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        Simulation s(seed, hungry);
        s.run(4000);
        reads += s.reads;
        hits += s.hits;
        stale += s.stale;
        nodes += s.nodes;
        refused += s.refused;
        if (testing::Test::HasFailure()) return;
    }
    std::printf("%lu hits and %lu old values of %lu reads, %lu nodes at most, %lu refused\n", hits,
                stale, reads, nodes, refused);
    EXPECT_GT(hits * 40, reads);
    EXPECT_GT(stale, 0U);
    EXPECT_GT(nodes, 0U);
    EXPECT_EQ(refused > 0, hungry);
}

TEST(StoreNodesModel, WithEnoughMemoryOnlyRightValuesAreServed) {
    run(false);
}

TEST(StoreNodesModel, WhileMemoryComesAndGoesOnlyRightValuesAreServed) {
    run(true);
}

}  // namespace
}  // namespace cache_ext::core::test
