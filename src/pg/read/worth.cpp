#include "pg/read/worth.hpp"

#include "pg/base/clock.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/load/running_load.hpp"

namespace cache_ext::pg {
namespace {

uint64 nanoseconds(instr_time from, instr_time to) {
    INSTR_TIME_SUBTRACT(to, from);
    return static_cast<uint64>(INSTR_TIME_GET_DOUBLE(to) * 1e9);
}

}  // namespace

bool worth_filling(const Definition* d, const Key& key) {
    if (inside_load()) return true;
    core::CacheControl* c = store().control(d->session->index);
    return c->worth.admits(c->counters, key.view.hash, now_ms());
}

bool looks_away(const Definition* d) {
    const core::CacheControl* c = store().control(d->session->index);
    return c->worth.hits_are_rare() && !core::load_relaxed(c->has_puts);
}

bool worth_looking(const Definition* d, const Key& key) {
    return worth_filling(d, key) || !looks_away(d);
}

const core::Worth* paused_filling(const Definition* d) {
    if (!settings.self_protection || !store_ready() || d->session->index == core::kNoCache) {
        return nullptr;
    }
    const core::Worth& worth = store().control(d->session->index)->worth;
    return worth.paused(now_ms()) ? &worth : nullptr;
}

// Hits are not counted where cache_ext.track is off, so neither is what they cost.
void FillTimer::begin(bool counts) {
    counts_ = counts && settings.self_protection && settings.track && !inside_load();
    take(&begin_);
}

void FillTimer::end(const Definition* d, uint32 published, uint64 load_us) {
    if (!counts_ || published == 0 || d->session->index == core::kNoCache) return;
    instr_time now;
    INSTR_TIME_SET_CURRENT(now);
    const uint64 run = nanoseconds(run_begin_, run_end_);
    const uint64 all = nanoseconds(begin_, now);
    const uint64 told = load_us * 1000;
    core::CacheControl* c = store().control(d->session->index);
    c->worth.note(c->counters,
                  {published, all > run ? all - run : 0, run > told ? run - told : 0, told},
                  now_ms());
}

}  // namespace cache_ext::pg
