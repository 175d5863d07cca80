#include <cstdlib>
#include <ctime>

#include "pg/clock.hpp"

#include "core/atomic.hpp"
#include "pg/pool.hpp"

extern "C" {
#include "storage/shmem.h"
#include "utils/guc.h"
}

namespace cache_ext::pg {
namespace {

bool test_clock = false;
int setting = 0;
core::Millis* offset = nullptr;  // shared, atomic; nullptr: no test

// Not called when a process starts, so a new session leaves the shift as it is.
void assign(int value, void*) {
    if (offset == nullptr || !IsUnderPostmaster) return;
    core::store_relaxed(*offset, core::Millis{value});
    wake_all();
}

core::Millis shift() {
    return offset == nullptr ? 0 : core::load_relaxed(*offset);
}

}  // namespace

void define_test_clock() {
    if (getenv("CACHE_EXT_TEST_CLOCK") == nullptr) return;
    test_clock = true;
    DefineCustomIntVariable("cache_ext.clock_offset", "Shifts the clock of the caches, for tests.",
                            "Of all sessions, until it is set again.", &setting, 0, INT_MIN,
                            INT_MAX, PGC_SUSET, GUC_UNIT_MS, nullptr, assign, nullptr);
}

size_t clock_bytes() {
    return MAXALIGN(sizeof(core::Millis));
}

void attach_clock() {
    if (!test_clock) return;
    bool found;
    offset = static_cast<core::Millis*>(
        ShmemInitStruct("cache_ext clock", sizeof(core::Millis), &found));
    if (!found) *offset = 0;
}

core::Millis now_ms() {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME_COARSE, &t);
    constexpr int64 kEpoch = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * int64{SECS_PER_DAY};
    return (t.tv_sec - kEpoch) * 1000 + t.tv_nsec / 1000000 + shift();
}

core::Millis transaction_start_ms() {
    return GetCurrentTransactionStartTimestamp() / 1000 + shift();
}

}  // namespace cache_ext::pg
