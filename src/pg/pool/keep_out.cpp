#include "pg/pool/keep_out.hpp"

#include <csignal>

#include "pg/base/after_locks.hpp"
#include "pg/base/compat.hpp"
#include "pg/pool/queue.hpp"

extern "C" {
#include "utils/wait_event.h"
}

namespace cache_ext::pg {
namespace {

constexpr int kKeepOutWaitMs = 5000;

// Takes one task of the database out of the queue; false: there are no more.
bool drop_task(Oid database, Task* task) {
    bool found = false;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    for (uint32 i = 0; i < pool->count && !found; ++i) {
        found = task_heads()[i].database == database;
        if (found) take_out(i, task);
    }
    LWLockRelease(tasks_lock);
    return found;
}

void drop_tasks(Oid database) {
    Task task;
    while (drop_task(database, &task)) give_back(task, kRetryClaim);
}

bool keeping_out = false;  // this transaction keeps workers out of some database

// As a rule the lock on the database is gone by then: they would wait for it.
void let_workers_in() {
    if (!keeping_out) return;
    keeping_out = false;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    for (DatabaseSlot& s : pool->databases) {
        if (!OidIsValid(s.database) || s.kept_out_by != MyProcPid) continue;
        s.kept_out_by = 0;
        // What was planned has been dropped.
        if (s.next_look == core::kNever) continue;
        s.next_look = 0;
        wake_launcher();
    }
    LWLockRelease(tasks_lock);
}

}  // namespace

void keep_workers_out_of(Oid database) {
    keeping_out = true;
    call_after_locks(AfterLocks::kDatabases, let_workers_in);
    const TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), kKeepOutWaitMs);
    const uint32 event = wait_event(Wait::kWorkersGone);
    ConditionVariablePrepareToSleep(&pool->gone);
    for (bool first = true;; first = false) {
        bool present = false;
        LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
        DatabaseSlot* s = slot_of(database, true);
        if (s != nullptr) s->kept_out_by = MyProcPid;
        for (int i = 0; i < pool->worker_slots; ++i) {
            const WorkerSlot* w = worker_slot(i);
            if (w->pid == 0 || w->database != database) continue;
            present = true;
            // Under the lock: the worker cannot have left its slot, so the pid is still its own.
            if (first && w->pid != kStarting) kill(w->pid, SIGTERM);
        }
        LWLockRelease(tasks_lock);
        if (first) drop_tasks(database);
        const long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
        if (!present || left <= 0) break;
        ConditionVariableTimedSleep(&pool->gone, left, event);
    }
    ConditionVariableCancelSleep();
}

void forget_database(Oid database) {
    drop_tasks(database);
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    if (DatabaseSlot* s = slot_of(database, false)) *s = DatabaseSlot{};
    pool->retries.forget(database, 0);
    LWLockRelease(tasks_lock);
}

List* databases_of_pool() {
    List* all = NIL;
    for (const DatabaseSlot& s : pool->databases) {
        LWLockAcquire(tasks_lock, LW_SHARED);
        const Oid database = s.database;
        LWLockRelease(tasks_lock);
        if (OidIsValid(database)) all = lappend_oid(all, database);
    }
    return all;
}

}  // namespace cache_ext::pg
