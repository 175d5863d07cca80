// The time by which values age: the server's, except in tests, where it may be shifted.
#pragma once

#include "core/clock.hpp"
#include "pg/postgres.hpp"

namespace cache_ext::pg {

// Milliseconds since 2000-01-01. The coarse clock: its resolution is the kernel's tick.
core::Millis now_ms();

// When this transaction began, by the same clock: what now() says in it.
core::Millis transaction_start_ms();

// Defines cache_ext.clock_offset if CACHE_EXT_TEST_CLOCK is in the postmaster's environment. The
// shift is in shared memory, so it holds for every process from the moment of the SET until the
// next one, also after the session that set it.
void define_test_clock();

// For the shared-memory hooks.
size_t clock_bytes();
void attach_clock();

}  // namespace cache_ext::pg
