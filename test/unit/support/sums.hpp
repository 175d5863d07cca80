// An oracle for values that writers adjust, for many threads. A transaction adds to the count and
// the sum of some keys; a snapshot carries the values that it sees.
#pragma once

#include <algorithm>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "support/store.hpp"

namespace cache_ext::core::test {

inline constexpr std::uint32_t kSums = 2;  // amounts of a value

struct Sums {
    Amount amounts[kSums] = {};
    bool operator==(const Sums& other) const {
        return std::equal(amounts, amounts + kSums, other.amounts);
    }
    void add(const Amount* more) {
        for (std::uint32_t i = 0; i < kSums; ++i) amounts[i] += more[i];
    }
};

class SumWorld {
  public:
    static constexpr std::uint32_t kKeys = 4;
    static constexpr std::size_t kMostRunning = 24;

    struct View {
        HeldSnapshot snapshot;
        Sums value[kKeys];
    };

    // 0: too many are running.
    Xid begin() {
        const std::lock_guard lock(mutex_);
        if (running_.size() == kMostRunning) return 0;
        running_.push_back(next_);
        outcomes_.push_back(Outcome::kUnknown);
        return next_++;
    }
    struct Change {
        std::uint32_t key;
        Sums sums;
    };
    void end(Xid xid, const std::vector<Change>& changes, bool commit) {
        const std::lock_guard lock(mutex_);
        running_.erase(std::find(running_.begin(), running_.end(), xid));
        outcomes_[xid - kFirst] = commit ? Outcome::kCommitted : Outcome::kAborted;
        for (const Change& c : changes) {
            if (commit) value_[c.key].add(c.sums.amounts);
        }
    }
    View view() {
        const std::lock_guard lock(mutex_);
        View v;
        v.snapshot = {oldest(), next_, running_};
        std::copy(value_, value_ + kKeys, v.value);
        return v;
    }
    Outcome outcome(Xid xid) {
        const std::lock_guard lock(mutex_);
        return outcomes_[xid - kFirst];
    }
    Xid oldest_running() {
        const std::lock_guard lock(mutex_);
        return oldest();
    }

  private:
    static constexpr Xid kFirst = 3;
    Xid oldest() const {
        return running_.empty() ? next_ : *std::min_element(running_.begin(), running_.end());
    }

    std::mutex mutex_;
    Xid next_ = kFirst;
    std::vector<Xid> running_;
    std::vector<Outcome> outcomes_;
    Sums value_[kKeys];
};

// One thread at work on one cache and one world.
class SumActor {
  public:
    SumActor(Store& store, const TestCache& cache, SumWorld* world, std::uint64_t seed)
        : store_(&store), cache_(&cache), world_(world), random_(seed) {}

    std::uint64_t hits = 0, adjusted = 0, misses = 0, published = 0, writes = 0, wrong = 0;

    // Some reads under one snapshot, which may have grown old by the last of them.
    void read() {
        const SumWorld::View view = world_->view();
        for (std::uint32_t n = random_() % 8; n-- > 0;) read(view);
    }

    void write() {
        const Xid xid = world_->begin();
        if (xid == 0) return;
        ++writes;
        std::vector<SumWorld::Change> changes;
        for (std::uint32_t k = 0; k < SumWorld::kKeys; ++k) {
            if (random_() % 2 == 0) continue;
            const auto sum = static_cast<std::int64_t>(random_());
            changes.push_back({k, {{1, sum}}});
            announce(changes.back(), xid, random_() % 64 != 0);
        }
        for (std::uint64_t n = random_() % 3; n > 0; --n) read();
        world_->end(xid, changes, random_() % 8 != 0);
    }

    void remove() {
        const std::string name = key(static_cast<std::uint32_t>(random_() % SumWorld::kKeys));
        store_->remove(cache_->index(), cache_->view(name));
    }

  private:
    static std::string key(std::uint32_t k) { return "key " + std::to_string(k); }

    void read(const SumWorld::View& view) {
        const auto k = static_cast<std::uint32_t>(random_() % SumWorld::kKeys);
        const std::string name = key(k);
        constexpr Detail kDetails[] = {Detail::kServe, Detail::kServeQuietly, Detail::kPeek};
        Sums got;
        LookupOptions options = {reinterpret_cast<std::uint8_t*>(got.amounts), sizeof(got.amounts),
                                 kDetails[random_() % 3]};
        thread_local SeenDeltas deltas;
        options.deltas = &deltas;
        const Found found =
            store_->lookup(cache_->index(), cache_->view(name), view.snapshot, options);
        if (found.result != LookupResult::kHit) {
            ++misses;
            load(view, k, name);
            return;
        }
        ++hits;
        if (deltas.count > 0) ++adjusted;
        Outcome outcomes[kMaxDeltas];
        for (std::uint32_t i = 0; i < deltas.count; ++i) {
            outcomes[i] = world_->outcome(deltas.xid[i]);
            if (outcomes[i] == Outcome::kUnknown) ++wrong;  // the snapshot sees it
            if (outcomes[i] == Outcome::kCommitted) got.add(deltas.amounts + i * kSums);
        }
        if (random_() % 2 == 0) {
            store_->note_outcomes(cache_->index(), cache_->view(name), deltas.xid, outcomes,
                                  deltas.count);
        }
        if (found.amounts != kSums || !(got == view.value[k])) ++wrong;
    }

    void load(const SumWorld::View& view, std::uint32_t k, const std::string& name) {
        Opened opened = {};
        if (random_() % 4 != 0) {
            opened = store_->open_account(
                {cache_->index(), cache_->id(), cache_->view(name), kSums, random_() % 2 == 0},
                view.snapshot);
            if (opened.result == PublishResult::kUnusable) return;
            if (random_() % 8 == 0) {
                store_->close_account(cache_->index(), cache_->view(name), opened.account);
                return;
            }
            if (depth_ == 0 && random_() % 4 == 0) {
                ++depth_;
                write();  // while the loader runs
                --depth_;
            }
        }
        Fill fill;
        fill.cache = cache_->index();
        fill.cache_id = cache_->id();
        fill.key = cache_->view(name);
        fill.value = reinterpret_cast<const std::uint8_t*>(view.value[k].amounts);
        fill.value_bytes = sizeof(view.value[k].amounts);
        fill.amounts = kSums;
        fill.account = opened.account;
        fill.calculated_at = store_->clock().now();
        if (store_->publish(fill, view.snapshot) == PublishResult::kPublished) ++published;
    }

    void announce(const SumWorld::Change& change, Xid xid, bool known) {
        const std::string name = key(change.key);
        const KeyDelta delta = {cache_->index(), cache_->view(name), change.sums.amounts, kSums};
        WrittenTag written = {cache_->hash(name), TagKind::kKey, false, kNoCache};
        if (known) written.delta = &delta;
        Xid on_record[kMaxRunning], ended[kMaxRunning];
        Outcome outcomes[kMaxRunning];
        const Xid oldest = world_->oldest_running();
        const std::uint32_t count = store_->possibly_running(written, on_record);
        std::uint32_t n = 0;
        for (std::uint32_t i = 0; i < count; ++i) {
            outcomes[n] = world_->outcome(on_record[i]);
            if (outcomes[n] != Outcome::kUnknown) ended[n++] = on_record[i];
        }
        store_->register_writer(written, xid, {ended, n, oldest, outcomes});
    }

    Store* store_;
    const TestCache* cache_;
    SumWorld* world_;
    std::mt19937_64 random_;
    int depth_ = 0;
};

}  // namespace cache_ext::core::test
