// The time by which values age: the server's, except in tests, where it may be shifted.
#pragma once

#include "core/clock.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Milliseconds since 2000-01-01. The coarse clock: its resolution is the kernel's tick.
core::Millis now_ms();

// When this transaction began, by the same clock: what now() says in it.
core::Millis transaction_start_ms();
core::Micros transaction_start_us();

// A time of the core as PostgreSQL's timestamp.
inline TimestampTz from_millis(core::Millis ms) {
    return ms * 1000;
}

// --- in tests ---

// Is CACHE_EXT_TEST_CLOCK in the postmaster's environment?
bool clock_can_be_shifted();
// The shift is in shared memory, so it holds for every process from now until the next one. False:
// this clock cannot be shifted, or not yet.
bool shift_clock(core::Millis by);

// For the shared-memory hooks.
size_t clock_bytes();
void attach_clock();

}  // namespace cache_ext::pg
