// The shared memory of the pool: the queue, the workers, the databases, and what is known of the
// caches; and the little that everybody asks of it. For the pool and for the views that show it.
//
// One LWLock, tasks_lock, protects every field, unless it says otherwise. It is held for a short
// scan at a time; of PostgreSQL's locks ProcArrayLock is taken under it (kept_out()), of ours none.
#pragma once

#include "pg/pool/owner_times.hpp"
#include "pg/pool/retries.hpp"
#include "pg/pool/task.hpp"

extern "C" {
#include "storage/condition_variable.h"
}

namespace cache_ext::pg {

constexpr int kMaxDatabases = 512;
constexpr uint32 kMaxShownKey = 256;

struct DatabaseSlot {
    Oid database;            // InvalidOid: free
    int kept_out_by;         // pid, 0: nobody
    int needed;              // for the launcher: tasks that nobody has
    uint32 failures;         // in a row: workers that did not get to work, and looks
    core::Millis retry_at;   // no worker is started before, because of such workers
    core::Millis next_look;  // kNever: nothing is scheduled there
    core::Millis next_scan;  // 0: never done
    core::Millis next_load;  // when loading ahead is due, or a suspended cache may have changed
    bool look_asked;         // while somebody looks: look again
    int owners;              // to whom its caches belong, as of the last look
    uint32 last_started;     // number of the last worker that came
    bool starved;            // it has work, and the server no room for another worker
};

constexpr int kStarting = -1;

struct WorkerSlot {
    int pid;        // 0: free; kStarting: reserved for a worker that is to come
    uint32 number;  // of the reservation
    int procno;
    Oid database;
    bool connected;
    bool busy;        // with `task`
    bool woken;       // idle, but on its way to a task
    bool worked;      // has had more to do than to look
    bool stopping;    // it has been told to stop its task, which is nobody's fault
    bool terminated;  // it did not stop
    bool endless;     // nor did it end: it is its owner's, and no worker of its database any more
    uint64 fingerprint;  // of the definition at work
    uint64 overdue_us;   // when it is terminated, by a clock that nobody sets; 0: not watched
    uint64 begun_us;     // its task, by the same clock
    uint64 started_us;   // itself
    Oid owner;           // of the cache at work; InvalidOid: none
    int64 done;          // of total; -1: not known
    int64 total;
    TimestampTz started_at;
    TimestampTz task_started_at;
    char cache[NAMEDATALEN];
    char key_text[kMaxShownKey];
    Task task;
};

// What the workers have seen of a cache, by control block (conduct.hpp).
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

struct PoolState {
    int launcher_pid;
    int launcher_procno;  // -1: none
    TimestampTz launcher_started_at;
    bool databases_changed;
    core::Millis launcher_wakes;  // what is due later needs nobody to wake it
    uint32 start_failures;        // in a row
    core::Millis start_retry;     // nobody is started before
    uint64 failed_starts;
    TimestampTz last_failed_start;
    TimestampTz last_said;  // when the log was told; 0: never
    uint64 dropped;
    uint64 next_number;
    uint32 last_worker;  // number of the last reservation
    uint32 count;        // tasks are kept dense; the heads after them keep the free key slots
    uint32 queue_size;
    int worker_slots;
    ConditionVariable gone;    // a worker
    core::Millis last_resume;  // of all suspended caches; atomic to read
    OwnerTimes owner_times;
    RetryTable retries;
    DatabaseSlot databases[kMaxDatabases];
};

extern PoolState* pool;
extern LWLock* tasks_lock;
extern WorkerSlot* my_slot;  // nullptr: not a worker
TaskHead* task_heads();
uint8* task_key(const TaskHead& head);
WorkerSlot* worker_slot(int i);
Conduct* conducts();  // by control block

// A clock that nobody sets, the same for all processes.
uint64 monotonic_us();

// For the shared-memory hooks.
size_t pool_bytes();
void attach_pool(LWLock* lock);

// --- all with the lock held ---

DatabaseSlot* slot_of(Oid database, bool make);
// By a statement that needs the database without workers.
bool kept_out(DatabaseSlot* slot);
int workers_of(Oid database);
// The worker that is at the same; nullptr: nobody.
WorkerSlot* who_is_at(const TaskHead& head, const uint8* key);
inline bool being_done(const TaskHead& head, const uint8* key) {
    return who_is_at(head, key) != nullptr;
}
bool same_work(const TaskHead& a, const uint8* a_key, const TaskHead& b, const uint8* b_key);

void wake(int procno);
void wake_launcher();
// False: there is none in that database.
bool wake_idle_worker(Oid database);
// Somebody for a task that is due now: an idle worker, else the launcher.
void wake_somebody(Oid database);

}  // namespace cache_ext::pg
