#include "pg/pool/dropped_work.hpp"

#include <csignal>

#include "pg/base/after_locks.hpp"
#include "pg/pool/conduct.hpp"
#include "pg/pool/queue.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"

namespace cache_ext::pg {
namespace {

bool holding = false;  // this transaction keeps workers from some cache

void let_work_go_on() {
    if (!holding) return;
    holding = false;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    for (int i = 0; i < settings.max_caches; ++i) {
        if (conducts()[i].held_by == MyProcPid) conducts()[i].held_by = 0;
    }
    wake_launcher();
    LWLockRelease(tasks_lock);
}

// With the lock held. A worker that does not stop is terminated after the grace period.
void stop_workers(uint64 cache_id) {
    const uint64 deadline = monotonic_us() + static_cast<uint64>(settings.cancel_grace_ms) * 1000;
    for (int i = 0; i < pool->worker_slots; ++i) {
        WorkerSlot* w = worker_slot(i);
        if (w->pid <= 0 || !w->busy || w->task.cache_id != cache_id) continue;
        if (w->database != MyDatabaseId || w->stopping) continue;
        // The worker cannot have left its slot, nor its task, so the cancel is for this one.
        kill(w->pid, SIGINT);
        w->stopping = true;
        if (w->overdue_us == 0 || w->overdue_us > deadline) w->overdue_us = deadline;
        wake_launcher();
    }
}

}  // namespace

void hold_work(uint64 cache_id) {
    if (!store_ready()) return;
    const core::CacheIndex index = store().find(MyDatabaseId, cache_id);
    if (index == core::kNoCache) return;  // nothing runs for it
    holding = true;
    call_after_locks(AfterLocks::kWork, let_work_go_on);
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    if (Conduct* c = make_conduct(index, cache_id)) c->held_by = MyProcPid;
    stop_workers(cache_id);
    LWLockRelease(tasks_lock);
}

void hold_all_work() {
    if (!store_ready()) return;
    for (core::CacheIndex i = 0; i < store().max_caches(); ++i) {
        const core::CacheControl* c = store().control(i);
        const uint64 id = core::load_acquire(c->id);
        if (id != 0 && core::load_relaxed(c->database) == MyDatabaseId) hold_work(id);
    }
}

void forget_work(uint64 cache_id) {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    for (uint32 i = 0; i < pool->count; ++i) {
        const TaskHead& t = task_heads()[i];
        // Their claims went with the entries.
        if (t.cache_id == cache_id && t.database == MyDatabaseId) remove_task(i--);
    }
    stop_workers(cache_id);
    pool->retries.forget(MyDatabaseId, cache_id);
    LWLockRelease(tasks_lock);
}

bool told_to_stop() {
    LWLockAcquire(tasks_lock, LW_SHARED);
    const bool told = my_slot->stopping;
    LWLockRelease(tasks_lock);
    return told;
}

}  // namespace cache_ext::pg
