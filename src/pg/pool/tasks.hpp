// Work for the background workers: sessions and workers add tasks to the queue, workers take them;
// the launcher is the timer: it wakes or starts workers when something is due (pool.hpp). Locks
// tasks_lock for a short scan (pool_state.hpp).
#pragma once

#include "pg/pool/task.hpp"

namespace cache_ext::pg {

enum class Queued : uint8 {
    kQueued,
    kAlready,    // the same is waiting or being worked on
    kFull,       // counted as dropped
    kSuspended,  // so is the cache
    kNoWorkers   // cache_ext.workers is 0, or a statement keeps workers out of the database
};

// --- adding tasks ---

// Fills in what all tasks of a cache share; the rest is that of a task that is due now.
Task new_task(TaskKind kind, const TaskCache& cache);
// Adds a task and wakes whoever can do it. A task that is waiting already is done at the earlier of
// both times.
Queued queue_task(const Task& task);

// Queues a refresh whose claim the caller holds. When that cannot be, or the loader has been
// failing, the claim is given back for a while. `deadline`: until when the value may be served.
void request_refresh(const TaskCache& cache, const core::KeyView& key, core::Millis deadline);

// A loader has worked: what was put off because of its failures need not wait any more. Cheap while
// nothing fails.
void forget_failures(uint64 cache_id, core::Tag key);

// --- doing tasks, in a worker ---

// A look, if one is due, else the most valuable task that is, of the owner whose turn it is
// (turns.hpp). It counts as this worker's until finish_task(); no other worker gets one of the same
// key.
bool take_task(Task* task);

enum class Outcome : uint8 {
    kDone,
    kNothing,  // there was nothing to do
    kFailed    // to be tried again, later and later, as long as it is of use
};
void finish_task(Outcome outcome);

// Claims the refresh that this worker's task is for; false: somebody else has, and sees to it.
bool claim_for_task();

// What cache_workers shows of the task at hand. done of total: progress, -1: not known.
void show_task(Oid owner, const char* cache, const char* key);
void show_progress(int64 done, int64 total);

// Places in the queue that this worker's database may still take.
uint32 queue_room();

}  // namespace cache_ext::pg
