// Tasks that do not end: a loader may catch its cancel, or wait where none reaches it.
//
// Nor may a worker take longer than authentication_timeout to connect to its database: then it is
// terminated, and the database left alone for a while.
//
// A worker that has been told to stop and goes on for cache_ext.cancel_grace is terminated, by the
// launcher. A cache that this has happened to cache_ext.suspend_after times is suspended: nothing
// is done for it in the background until its definition or its loader changes, somebody calls
// cache_resume, or cache_ext.suspend_time has passed. Readers load for themselves meanwhile.
#pragma once

#include "core/clock.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// --- in a worker ---

// The task at hand may take so many milliseconds from now on, 0: any time. `fingerprint`: of what
// is at work; another one is worth another attempt.
void watch_task(uint64 fingerprint, int64 limit_ms);
void unwatch_task();

// --- in the launcher ---

// Terminates workers that went on for too long, and says so in the log.
void end_unruly_workers();
// When it has to look after the next worker. With tasks_lock held.
core::Millis next_unruly(core::Millis now);

}  // namespace cache_ext::pg
