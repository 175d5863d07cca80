#include "pg/tasks.hpp"

#include <csignal>

#include "pg/shared.hpp"

extern "C" {
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "utils/wait_event.h"
}

namespace cache_ext::pg {
namespace {

constexpr int kMaxDatabases = 128;
constexpr uint32 kQueue = 512;
constexpr core::Millis kRetryClaim = 1000;
constexpr int kKeepOutWaitMs = 5000;

struct DatabaseSlot {
    Oid database;  // InvalidOid: free
    int worker_pid;
    int worker_procno;
    bool starting;
    int kept_out_by;  // pid, 0: nobody
};

struct Tasks {
    DatabaseSlot databases[kMaxDatabases];
    RefreshTask queue[kQueue];
    uint32 count;         // tasks are kept dense, oldest first
    int launcher_procno;  // -1: none
    ConditionVariable worker_gone;
};

Tasks* tasks = nullptr;
LWLock* tasks_lock = nullptr;

DatabaseSlot* slot_of(Oid database, bool make) {
    DatabaseSlot* free_slot = nullptr;
    for (DatabaseSlot& s : tasks->databases) {
        if (s.database == database) return &s;
        const bool unused =
            !OidIsValid(s.database) || (s.worker_pid == 0 && !s.starting && s.kept_out_by == 0);
        if (free_slot == nullptr && unused) free_slot = &s;
    }
    if (!make || free_slot == nullptr) return nullptr;
    *free_slot = DatabaseSlot{};
    free_slot->database = database;
    return free_slot;
}

bool kept_out(DatabaseSlot* s) {
    // Its holder may have been terminated in the middle.
    if (s->kept_out_by != 0 && BackendPidGetProc(s->kept_out_by) == nullptr) s->kept_out_by = 0;
    return s->kept_out_by != 0;
}

void wake(int procno) {
    if (procno >= 0) SetLatch(&ProcGlobal->allProcs[procno].procLatch);
}

}  // namespace

size_t tasks_bytes() {
    return sizeof(Tasks);
}

void attach_tasks(LWLock* lock) {
    bool found;
    tasks_lock = lock;
    tasks = static_cast<Tasks*>(ShmemInitStruct("cache_ext tasks", sizeof(Tasks), &found));
    if (found) return;
    memset(static_cast<void*>(tasks), 0, sizeof(Tasks));
    tasks->launcher_procno = -1;
    ConditionVariableInit(&tasks->worker_gone);
}

void request_refresh(uint64 cache_id, core::CacheIndex index, const core::KeyView& key) {
    bool queued = false;
    int procno = -1;
    if (key.size <= kMaxTaskKey) {
        LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
        if (tasks->count < kQueue) {
            RefreshTask& t = tasks->queue[tasks->count++];
            t.database = MyDatabaseId;
            t.cache_id = cache_id;
            t.index = index;
            t.hash = key.hash;
            t.key_bytes = key.size;
            memcpy(t.key, key.bytes, key.size);
            queued = true;
            const DatabaseSlot* s = slot_of(MyDatabaseId, false);
            procno = s != nullptr && s->worker_pid != 0 ? s->worker_procno : tasks->launcher_procno;
        }
        LWLockRelease(tasks_lock);
    }
    if (queued) {
        wake(procno);
    } else {
        store().release_refresh_claim(index, key, kRetryClaim);
    }
}

bool take_task(Oid database, RefreshTask* task) {
    bool found = false;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    for (uint32 i = 0; i < tasks->count && !found; ++i) {
        if (tasks->queue[i].database != database) continue;
        *task = tasks->queue[i];
        memmove(&tasks->queue[i], &tasks->queue[i + 1],
                sizeof(RefreshTask) * (tasks->count - i - 1));
        --tasks->count;
        found = true;
    }
    LWLockRelease(tasks_lock);
    return found;
}

void launcher_started() {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    tasks->launcher_procno = MyProc->pgprocno;
    // What an earlier launcher was about to start is nobody's any more.
    for (DatabaseSlot& s : tasks->databases) s.starting = false;
    LWLockRelease(tasks_lock);
}

void launcher_stopped() {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    tasks->launcher_procno = -1;
    LWLockRelease(tasks_lock);
}

Oid database_in_need() {
    Oid found = InvalidOid;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    for (uint32 i = 0; i < tasks->count && !OidIsValid(found); ++i) {
        DatabaseSlot* s = slot_of(tasks->queue[i].database, true);
        if (s == nullptr || s->starting || s->worker_pid != 0 || kept_out(s)) continue;
        s->starting = true;
        found = s->database;
    }
    LWLockRelease(tasks_lock);
    return found;
}

void worker_not_started(Oid database) {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    DatabaseSlot* s = slot_of(database, false);
    if (s != nullptr) s->starting = false;
    LWLockRelease(tasks_lock);
    ConditionVariableBroadcast(&tasks->worker_gone);
}

bool worker_started(Oid database) {
    bool allowed = false;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    DatabaseSlot* s = slot_of(database, true);
    if (s != nullptr) {
        s->starting = false;
        allowed = !kept_out(s) && s->worker_pid == 0;
        if (allowed) {
            s->worker_pid = MyProcPid;
            s->worker_procno = MyProc->pgprocno;
        }
    }
    LWLockRelease(tasks_lock);
    if (!allowed) ConditionVariableBroadcast(&tasks->worker_gone);
    return allowed;
}

void worker_stopped(Oid database) {
    int procno;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    DatabaseSlot* s = slot_of(database, false);
    if (s != nullptr && s->worker_pid == MyProcPid) {
        s->worker_pid = 0;
        s->worker_procno = -1;
    }
    procno = tasks->launcher_procno;
    LWLockRelease(tasks_lock);
    ConditionVariableBroadcast(&tasks->worker_gone);
    wake(procno);  // tasks may have come in while it was ending
}

void wake_all() {
    if (tasks == nullptr) return;
    LWLockAcquire(tasks_lock, LW_SHARED);
    wake(tasks->launcher_procno);
    for (const DatabaseSlot& s : tasks->databases) {
        if (s.worker_pid != 0) wake(s.worker_procno);
    }
    LWLockRelease(tasks_lock);
}

void keep_workers_out_of(Oid database) {
    const TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), kKeepOutWaitMs);
    ConditionVariablePrepareToSleep(&tasks->worker_gone);
    for (bool first = true;; first = false) {
        int pid = 0;
        bool starting = false;
        LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
        DatabaseSlot* s = slot_of(database, true);
        if (s != nullptr) {
            s->kept_out_by = MyProcPid;
            pid = s->worker_pid;
            starting = s->starting;
        }
        if (first) {
            uint32 left = 0;
            for (uint32 i = 0; i < tasks->count; ++i) {
                const RefreshTask& t = tasks->queue[i];
                if (t.database != database) {
                    tasks->queue[left++] = t;
                } else if (store().is(t.index, t.cache_id)) {
                    store().release_refresh_claim(t.index, t.view(), kRetryClaim);
                }
            }
            tasks->count = left;
        }
        // Under the lock: the worker cannot have left its slot, so the pid is still its own.
        if (pid != 0 && first) kill(pid, SIGTERM);
        LWLockRelease(tasks_lock);
        const long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);
        if ((pid == 0 && !starting) || left <= 0) break;
        ConditionVariableTimedSleep(&tasks->worker_gone, left, PG_WAIT_EXTENSION);
    }
    ConditionVariableCancelSleep();
}

void let_workers_into(Oid database) {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    DatabaseSlot* s = slot_of(database, false);
    if (s != nullptr && s->kept_out_by == MyProcPid) s->kept_out_by = 0;
    LWLockRelease(tasks_lock);
}

}  // namespace cache_ext::pg
