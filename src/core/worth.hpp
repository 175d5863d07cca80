// Does it pay to fill a cache? What its fills have cost beyond the loader's own run, against what
// hits have saved. Where it does not, filling is paused, and tried again.
//
//   filling --a window of fills has cost more than the hits meanwhile saved--> paused
//   paused --the sample pays--> filling, with a window large enough for all keys to come as far
//   paused --its time is over--> filling, on trial; the next pause is twice as long
//
// While it is paused only a sample is filled: one key in kSampleShare, by hash, so always the same
// ones (spatial sampling: Waldspurger et al., "Efficient MRC construction with SHARDS", FAST 2015).
// Of these everything is cached, so they hit as often as all keys would; that also tells a cache
// which is only not full yet from one whose keys are not read again. Too few keys for a sample are
// what the trials are for.
//
// A hit writes nothing for this but the counters that it writes anyway, and one in kSampleShare, of
// keys of the sample, two more.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/backoff.hpp"
#include "core/clock.hpp"
#include "core/counters.hpp"
#include "core/writers.hpp"

namespace cache_ext::core {

// Fills. Reading some thousand keys for the first time is no reason yet to stop filling.
inline constexpr std::uint64_t kWorthWindow = 10'000;
inline constexpr std::uint64_t kTrialWindow = 1000;
inline constexpr std::uint64_t kMaxWorthWindow = 100'000;
inline constexpr std::uint32_t kSampleShare = 64;
inline constexpr std::uint64_t kLeastSample = 16;  // the sample is charged for so many fills
inline constexpr Backoff kPause = {5000, 60000};
inline constexpr std::uint32_t kLooksInPause = 16;  // at the sample
// Beside loads that take so many times as long what is done for them costs next to nothing, and the
// first hit pays for all of it.
inline constexpr std::uint64_t kLongLoads = 64;
inline constexpr std::uint64_t kRareHits = 16;  // see hits_are_rare()

// The high bits: the low ones choose the partition.
inline bool in_sample(Tag hash) {
    return hash >> 58 == 0;
}
static_assert(std::uint64_t{1} << (64 - 58) == kSampleShare);

// Fills that were published, together; nanoseconds.
struct FillCosts {
    std::uint64_t fills;
    std::uint64_t beyond_ns;  // their loads, and what comes after, beyond the loader's run
    std::uint64_t around_ns;  // its run beyond what counts as its load time: a hit saves that, too
    std::uint64_t load_ns = 0;  // what counts as its load time
};

// What has led to a pause.
struct Verdict {
    std::uint64_t fills;
    std::uint64_t cost_ns;
    std::uint64_t saved_ns;
};

// All fields atomic, relaxed; all functions without a lock, by any number of processes. What is
// noted while somebody judges may be lost.
struct alignas(64) Worth {
    Millis paused_until;    // 0: not paused
    Millis look_at;         // at the sample, while paused
    std::uint32_t pauses;   // without a window that has paid since
    std::uint32_t judging;  // 1: somebody is
    std::uint64_t window;   // fills of this window; 0: kWorthWindow
    // The counters (while paused: of the sample) when the window, or the pause, began.
    std::uint64_t hits_before;
    std::uint64_t micros_before;
    Verdict last;                 // of the present pause
    std::uint64_t around_of_hit;  // ns, for the sample: a mean of the window before
    // Since then.
    alignas(64) std::uint64_t fills;
    std::uint64_t cost_ns;
    std::uint64_t around_ns;
    std::uint64_t load_ns;

    // Shall a read that has missed this key fill it?
    bool admits(const Counters& counters, Tag hash, Millis now) {
        return load_relaxed(paused_until) == 0 || admits_paused(counters, hash, now);
    }
    // While it is paused: were hits worth so little that looking for what is there is not, either?
    // (With many small values that alone takes longer than a quick loader may.)
    bool hits_are_rare() const {
        return load_relaxed(last.saved_ns) < load_relaxed(last.cost_ns) / kRareHits;
    }
    // Are keys that are not in the sample kept out?
    bool paused(Millis now) const { return now < load_relaxed(paused_until); }
    Verdict verdict() const {
        return {load_relaxed(last.fills), load_relaxed(last.cost_ns), load_relaxed(last.saved_ns)};
    }
    // Fills of keys that were admitted.
    void note(const Counters& counters, const FillCosts& costs, Millis now);
    // As in a new control block.
    void reset();

  private:
    bool admits_paused(const Counters& counters, Tag hash, Millis now);
    void judge_window(const Counters& counters, Millis now);
    void judge_sample(const Counters& counters, Millis now);
    void begin_window(const Counters& counters, std::uint64_t length);
    void begin_pause(const Counters& counters, Millis now);
    void begin_counting(std::uint64_t hits, std::uint64_t micros);
};
static_assert(std::is_trivially_copyable_v<Worth>);

}  // namespace cache_ext::core
