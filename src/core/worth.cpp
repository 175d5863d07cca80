#include "core/worth.hpp"

#include <algorithm>

namespace cache_ext::core {
namespace {

struct Hits {
    std::uint64_t count;
    std::uint64_t micros;  // that they have saved

    std::uint64_t saved_ns(std::uint64_t around_of_hit) const {
        return micros * 1000 + count * around_of_hit;
    }
};

Hits all_hits(const Counters& counters) {
    return {counters.total(Counter::kHits) + counters.total(Counter::kStaleHits),
            counters.total(Counter::kSavedMicros)};
}

Hits sample_hits(const Counters& counters) {
    return {counters.total(Counter::kSampleHits), counters.total(Counter::kSampleMicros)};
}

// Since `before`. False: the counters were set back meanwhile.
bool since(const Hits& now, const Hits& before, Hits* out) {
    *out = {now.count - before.count, now.micros - before.micros};
    return now.count >= before.count && now.micros >= before.micros;
}

Millis length_of(std::uint32_t pauses) {
    return kPause.delay(pauses, 0.5);
}

// Scope of who judges; others go on.
class Judging {
  public:
    explicit Judging(std::uint32_t* flag) : flag_(flag), mine_(claim(*flag, 0U, 1U)) {}
    ~Judging() {
        if (mine_) store_release(*flag_, 0U);
    }
    Judging(const Judging&) = delete;
    Judging& operator=(const Judging&) = delete;
    bool mine() const { return mine_; }

  private:
    std::uint32_t* flag_;
    bool mine_;
};

}  // namespace

void Worth::note(const Counters& counters, const FillCosts& costs, Millis now) {
    add_relaxed(cost_ns, costs.beyond_ns);
    add_relaxed(around_ns, costs.around_ns);
    add_relaxed(load_ns, costs.load_ns);
    const std::uint64_t all = add_relaxed(fills, costs.fills) + costs.fills;
    const std::uint64_t enough = load_relaxed(window);
    if (load_relaxed(paused_until) == 0 && all >= (enough != 0 ? enough : kWorthWindow)) {
        judge_window(counters, now);
    }
}

void Worth::reset() {
    store_relaxed(paused_until, 0);
    store_relaxed(pauses, 0U);
    store_relaxed(window, std::uint64_t{0});
    begin_counting(0, 0);
}

bool Worth::admits_paused(const Counters& counters, Tag hash, Millis now) {
    if (in_sample(hash)) return true;
    if (now >= load_relaxed(paused_until)) {
        const Judging judging(&this->judging);
        if (judging.mine() && now >= load_relaxed(paused_until)) {
            begin_window(counters, kTrialWindow);
        }
    } else if (now >= load_relaxed(look_at)) {
        judge_sample(counters, now);
    }
    return load_relaxed(paused_until) == 0;
}

void Worth::judge_window(const Counters& counters, Millis now) {
    const Judging judging(&this->judging);
    const std::uint64_t n = load_relaxed(fills);
    if (!judging.mine() || n == 0 || load_relaxed(paused_until) != 0) return;
    Hits hits;
    if (!since(all_hits(counters), {load_relaxed(hits_before), load_relaxed(micros_before)},
               &hits)) {
        begin_window(counters, load_relaxed(window));
        return;
    }
    const std::uint64_t around = load_relaxed(around_ns) / n;
    const std::uint64_t saved = hits.saved_ns(around);
    const std::uint64_t cost = load_relaxed(cost_ns);
    if (saved >= cost || cost <= load_relaxed(load_ns) / kLongLoads) {
        store_relaxed(pauses, 0U);
        begin_window(counters, kWorthWindow);
        return;
    }
    store_relaxed(last.fills, n);
    store_relaxed(last.cost_ns, cost);
    store_relaxed(last.saved_ns, saved);
    store_relaxed(around_of_hit, around);
    begin_pause(counters, now);
}

void Worth::judge_sample(const Counters& counters, Millis now) {
    const Judging judging(&this->judging);
    if (!judging.mine() || load_relaxed(paused_until) == 0) return;
    store_relaxed(look_at, now + length_of(load_relaxed(pauses)) / kLooksInPause);
    Hits hits;
    const Hits all = sample_hits(counters);
    if (!since(all, {load_relaxed(hits_before), load_relaxed(micros_before)}, &hits)) {
        begin_counting(all.count, all.micros);
        return;
    }
    const std::uint64_t n = std::max(load_relaxed(fills), kLeastSample);
    const double of_fill =
        static_cast<double>(load_relaxed(last.cost_ns)) /
        static_cast<double>(std::max<std::uint64_t>(load_relaxed(last.fills), 1));
    const auto saved = static_cast<double>(hits.saved_ns(load_relaxed(around_of_hit)));
    if (saved <= of_fill * static_cast<double>(n)) return;
    // All keys will have to be filled as often as those of the sample were before they pay, and
    // are given twice that: hits grow with the square of what is there.
    begin_window(counters, std::min(n * kSampleShare * 2, kMaxWorthWindow));
}

void Worth::begin_window(const Counters& counters, std::uint64_t length) {
    const Hits hits = all_hits(counters);
    begin_counting(hits.count, hits.micros);
    store_relaxed(window, length);
    store_relaxed(paused_until, 0);
}

void Worth::begin_pause(const Counters& counters, Millis now) {
    const std::uint32_t n = std::min(load_relaxed(pauses), UINT32_MAX - 1) + 1;
    const Hits hits = sample_hits(counters);
    store_relaxed(pauses, n);
    store_relaxed(look_at, now + length_of(n) / kLooksInPause);
    begin_counting(hits.count, hits.micros);
    store_relaxed(paused_until, now + length_of(n));
}

void Worth::begin_counting(std::uint64_t hits, std::uint64_t micros) {
    store_relaxed(hits_before, hits);
    store_relaxed(micros_before, micros);
    store_relaxed(cost_ns, std::uint64_t{0});
    store_relaxed(around_ns, std::uint64_t{0});
    store_relaxed(load_ns, std::uint64_t{0});
    store_relaxed(fills, std::uint64_t{0});
}

}  // namespace cache_ext::core
