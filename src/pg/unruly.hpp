// Tasks that do not end: a loader may catch its cancel, or wait where none reaches it.
//
// A worker that has been told to stop and goes on for cache_ext.cancel_grace is terminated, by the
// launcher. A cache that this has happened to cache_ext.suspend_after times is suspended: nothing
// is done for it in the background until its definition or its loader changes, somebody calls
// cache_resume, or cache_ext.suspend_time has passed. Readers load for themselves meanwhile.
#pragma once

#include "core/clock.hpp"
#include "core/layout.hpp"
#include "pg/definitions.hpp"
#include "pg/health.hpp"

namespace cache_ext::pg {

struct TaskHead;

// What the workers have seen of a cache, by control block, under tasks_lock.
struct Conduct {
    uint64 cache_id;       // whose this is; that of another cache is forgotten
    int held_by;           // pid of a backend that is dropping the cache, 0: nobody
    uint32 terminations;   // in a row, each within suspend_time of the one before
    core::Millis last;     // of them
    core::Millis resumes;  // when it is tried again; 0: not suspended
    TimestampTz since;
    bool endless;         // a worker went on although it was terminated
    uint64 fingerprint;   // of the definition that was at work
    core::Millis logged;  // when a failure was last logged, 0: never
    uint32 unlogged;      // failures since
};

// --- in a worker ---

// The task at hand may take so many milliseconds from now on, 0: any time.
void watch_task(const Definition* definition, int64 limit_ms);
void unwatch_task();
// Is this failure of a task for the log? One a minute of each cache; *before: those that were not.
bool should_log(const TaskHead& task, uint32* before);
// Ends suspensions of caches of this database whose definition or loader has changed. Returns when
// to look again, kNever: there are none.
core::Millis resume_changed(core::Millis now);

// --- in the launcher ---

// Terminates workers that went on for too long, and says so in the log.
void end_unruly_workers();

// --- with tasks_lock held ---

// Until when nothing may be done for the cache of the task; 0: no such time.
core::Millis suspended_until(const TaskHead& task, core::Millis now);
// nullptr: nothing is known.
Conduct* conduct_of(core::CacheIndex index, uint64 cache_id);
// The same, made if need be; nullptr: the control block is another's.
Conduct* make_conduct(core::CacheIndex index, uint64 cache_id);
// When the launcher has to look after the next worker.
core::Millis next_unruly(core::Millis now);

// --- anywhere ---

// Without a lock: false, if no cache is suspended.
bool any_suspended(core::Millis now);
bool is_suspended(const Definition* definition);
HealthCheck check_suspended(const Definition* const* definitions, int count);

}  // namespace cache_ext::pg
