// Does it pay to fill a cache (core/worth.hpp)? Here the clock, and who is asked.
#pragma once

#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/definitions.hpp"

extern "C" {
#include "portability/instr_time.h"
}

namespace cache_ext::pg {

// Is filling paused? Every read asks, so it costs no call. The cache must have a control block,
// here and below.
inline bool filling_paused(const Definition* d) {
    return core::load_relaxed(store().control(d->session->index)->worth.paused_until) != 0 &&
           settings.self_protection;
}
// While it is: does nobody look for what is there? Hits were rare, and nothing was put, which would
// be another value than the loader's.
bool looks_away(const Definition* definition);
// While it is: shall a read look for what is cached of the key? Shall one that has missed it fill
// it? Always inside the load of another value: that could not be published without knowing what it
// depends on.
bool worth_looking(const Definition* definition, const Key& key);
bool worth_filling(const Definition* definition, const Key& key);

// For those who only look, and for whom nothing changes by that: is filling paused, for all keys
// but those of the sample? nullptr: no.
const core::Worth* paused_filling(const Definition* definition);

// Takes the time of a load that fills, in the order of its functions. A load of which nothing else
// than the end was missed, by an error, counts for nothing.
class FillTimer {
  public:
    // `counts`: false for loads that are not the consequence of a miss.
    void begin(bool counts);
    void run_begins() { take(&run_begin_); }
    void run_ends() { take(&run_end_); }
    // So many values were published, of a run of which load_us is told as load time.
    void end(const Definition* definition, uint32 published, uint64 load_us);

  private:
    void take(instr_time* t) const {
        if (counts_) INSTR_TIME_SET_CURRENT(*t);
    }

    bool counts_ = false;
    instr_time begin_, run_begin_, run_end_;
};

}  // namespace cache_ext::pg
