// Work for the background workers, in shared memory: a queue of tasks, and what each worker is at.
//
// Locking: one LWLock protects tasks, workers, databases and retries (pool_state.hpp); it is held
// for a short scan at a time and nothing else is locked under it. Sessions and workers add tasks,
// workers take them; the launcher is the timer: it wakes or starts workers when something is due.
#pragma once

#include "core/store.hpp"
#include "pg/definitions.hpp"

namespace cache_ext::pg {

constexpr uint32 kMaxTaskKey = 512;

enum class TaskKind : uint8 {
    kLook,     // of a database: what is there to do? (never in the queue)
    kRefresh,  // of a key
    kSync,     // of a cache
    kWarm,     // of a cache
    kReload    // of a cache: what was hot when it was invalidated
};

// As the views say it.
const char* name_of(TaskKind kind);

struct TaskHead {
    Oid database;
    TaskKind kind;
    bool claimed;  // kRefresh: the entry's refresh claim is held, and given back with the task
    int32 priority;
    Oid owner;  // of the cache
    uint64 cache_id;
    core::CacheIndex index;
    core::Millis due;       // not before
    core::Millis deadline;  // urgency; a refresh is of no use afterwards
    core::Tag hash;         // kRefresh: the key's; else 0
    uint32 key_bytes;
    uint32 key_slot;  // the queue's own
    uint64 number;    // the queue's own: order of arrival
};

struct Task : TaskHead {
    uint8 key[kMaxTaskKey];

    core::KeyView view() const { return {hash, key, key_bytes}; }
};

enum class Queued : uint8 {
    kQueued,
    kAlready,    // the same is waiting or being worked on
    kFull,       // counted as dropped
    kSuspended,  // so is the cache
    kNoWorkers   // cache_ext.workers is 0, or a statement keeps workers out of the database
};

// For the shared-memory hooks.
size_t tasks_bytes();
void attach_tasks(LWLock* lock);

// --- adding tasks ---

// Fills in what all tasks of a cache share; the rest is that of a task that is due now.
Task new_task(TaskKind kind, const Definition* definition);
// Adds a task and wakes whoever can do it. A task that is waiting already is done at the earlier of
// both times.
Queued queue_task(const Task& task);

// Queues a refresh whose claim the caller holds. When that cannot be, or the loader has been
// failing, the claim is given back for a while. `deadline`: until when the value may be served.
void request_refresh(const Definition* definition, const core::KeyView& key, core::Millis deadline);

// A loader has worked: what was put off because of its failures need not wait any more. Cheap while
// nothing fails.
void note_load_success(uint64 cache_id, core::Tag key);

// --- doing tasks, in a worker ---

// The most valuable task that is due, of the owner whose turn it is (turns.hpp). It counts as this
// worker's until finish_task(); no other worker gets one of the same key.
bool take_task(Task* task);

enum class Outcome : uint8 {
    kDone,
    kNothing,  // there was nothing to do
    kFailed    // to be tried again, later and later, as long as it is of use
};
void finish_task(Outcome outcome);

// Has this worker been told to stop its task, as its cache is being dropped?
bool told_to_stop();

// This worker has claimed the refresh that its task is for.
void note_claimed();

// What cache_workers shows of the task at hand. done of total: progress, -1: not known.
void show_task(const Definition* definition, const char* key);
void show_progress(int64 done, int64 total);

// --- when a cache goes ---

// A cache is being dropped: stops what runs for it, and keeps more from being started until the end
// of the transaction. Only for who may drop it.
void hold_work(uint64 cache_id);
// The same for all caches of this database, if the statement drops the extension.
void hold_work_for(Node* statement);
// It was dropped: forgets what waits for it.
void forget_work(uint64 cache_id);
// See after_locks.hpp.
void let_work_go_on();

// --- when a database is looked at ---

// Something that schedules depend on may have changed: has a worker look as soon as possible.
void request_look(Oid database);
// After a look: when to look again for caches that are loaded ahead of time (kNever: when asked),
// and when entries are to be scanned (0: never).
void looked(core::Millis next_load, core::Millis next_scan);
// When the entries of this worker's database are to be scanned; 0: never done.
core::Millis scan_due();
// The caches of this worker's database belong to so many.
void note_owners(int owners);
// Places in the queue that this worker's database may still take.
uint32 queue_room();

}  // namespace cache_ext::pg
