#include <cstdlib>
#include <ctime>

#include "pg/base/clock.hpp"

#include "core/atomic.hpp"

extern "C" {
#include "storage/shmem.h"
}

namespace cache_ext::pg {
namespace {

core::Millis* offset = nullptr;  // shared, atomic; nullptr: no test

core::Millis shift() {
    return offset == nullptr ? 0 : core::load_relaxed(*offset);
}

}  // namespace

bool clock_can_be_shifted() {
    return getenv("CACHE_EXT_TEST_CLOCK") != nullptr;
}

bool shift_clock(core::Millis by) {
    if (offset == nullptr) return false;
    core::store_relaxed(*offset, by);
    return true;
}

size_t clock_bytes() {
    return MAXALIGN(sizeof(core::Millis));
}

void attach_clock() {
    if (!clock_can_be_shifted()) return;
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

core::Micros transaction_start_us() {
    return GetCurrentTransactionStartTimestamp() + shift() * 1000;
}

}  // namespace cache_ext::pg
