// The shared memory of tasks.hpp and pool.hpp, for their implementations only. Lock: tasks_lock for
// every field, unless it says otherwise.
#pragma once

#include "pg/pool.hpp"
#include "pg/retries.hpp"
#include "pg/tasks.hpp"
#include "pg/turns.hpp"
#include "pg/unruly.hpp"

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
    uint32 failures;         // workers in a row that did not get to work
    core::Millis retry_at;   // no worker is started before, because of them
    core::Millis next_look;  // kNever: nothing is scheduled there
    core::Millis next_scan;  // 0: never done
    core::Millis next_load;  // of a sync or a warm-up
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
    Turns turns;
    RetryTable retries;
    DatabaseSlot databases[kMaxDatabases];
};

extern PoolState* pool;
extern LWLock* tasks_lock;
TaskHead* task_heads();
uint8* task_key(const TaskHead& head);
WorkerSlot* worker_slot(int i);
Conduct* conducts();         // by control block
uint64 monotonic_us();       // a clock that nobody sets, the same for all processes
extern WorkerSlot* my_slot;  // nullptr: not a worker

// All with the lock held.
DatabaseSlot* slot_of(Oid database, bool make);
bool kept_out(DatabaseSlot* slot);
void wake(int procno);
void wake_launcher();
// False: there is none in that database.
bool wake_idle_worker(Oid database);
// Somebody for a task that is due now: an idle worker, else the launcher.
void wake_somebody(Oid database);
bool same_work(const TaskHead& a, const uint8* a_key, const TaskHead& b, const uint8* b_key);
bool being_done(const TaskHead& head, const uint8* key);
int workers_of(Oid database);
// Its cache is just being dropped.
bool held(const TaskHead& t);
void remove_task(uint32 i);
// False: there is no room. Another task may have to give way for it: give_back(*pushed_out) once
// the lock is released.
bool add_task(const Task& task, Task* pushed_out);
// Puts a task back that a worker has not finished, for later; false: it is lost.
bool put_back(const Task& task, core::Millis* next_try, Task* pushed_out);
// What the worker at `w` has spent on its task is its owner's.
void charge_task(const WorkerSlot& w);

// Without the lock: the claim of a task that will not be done, to be had again after a while.
void give_back(const Task& task, core::Millis delay);

}  // namespace cache_ext::pg
