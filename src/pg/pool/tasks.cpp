#include "pg/pool/tasks.hpp"

#include "pg/base/clock.hpp"
#include "pg/pool/conduct.hpp"
#include "pg/pool/queue.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/pool/turns.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace cache_ext::pg {
namespace {

// A claim that was given back, while there are no workers, or none for this cache.
constexpr core::Millis kRetryLater = 60000;

// The best task of the database that may be done now; UINT32_MAX: none. Tasks whose loader has been
// failing are put off on the way.
uint32 best_task(Oid database, core::Millis now) {
    OwnerShares shares(now);
    for (;;) {
        uint32 best = UINT32_MAX;
        OwnerShare best_share = {};
        for (uint32 i = 0; i < pool->count; ++i) {
            const TaskHead& t = task_heads()[i];
            if (t.database != database || t.due > now || held(t)) continue;
            const OwnerShare& share = shares.of(database, t.owner);
            if (share.running >= share.most) continue;
            if (best != UINT32_MAX && !comes_first(share, t, best_share, task_heads()[best]))
                continue;
            if (being_done(t, task_key(t))) continue;
            best = i;
            best_share = share;
        }
        if (best == UINT32_MAX) return best;
        TaskHead& t = task_heads()[best];
        const core::Millis next_try =
            std::max(pool->retries.next_try(database, t.cache_id, t.hash), suspended_until(t, now));
        if (next_try <= now) return best;
        t.due = next_try;
    }
}

// Of a task that is due now.
TaskHead head_of(TaskKind kind, const TaskCache& cache, core::Millis now) {
    TaskHead head = {};
    head.database = MyDatabaseId;
    head.kind = kind;
    head.priority = cache.priority;
    head.owner = cache.owner;
    head.cache_id = cache.id;
    head.index = cache.index;
    head.due = now;
    head.deadline = core::kNever;
    return head;
}

void begin(const Task& task) {
    my_slot->task = task;
    my_slot->busy = true;
    my_slot->worked = my_slot->worked || task.kind != TaskKind::kLook;
    my_slot->task_started_at = GetCurrentTimestamp();
    my_slot->begun_us = monotonic_us();
    my_slot->overdue_us = 0;
    my_slot->stopping = false;
    my_slot->owner = InvalidOid;
    my_slot->cache[0] = my_slot->key_text[0] = '\0';
    my_slot->done = my_slot->total = -1;
}

}  // namespace

Task new_task(TaskKind kind, const TaskCache& cache) {
    Task task = {};
    static_cast<TaskHead&>(task) = head_of(kind, cache, now_ms());
    return task;
}

Queued queue_task(const Task& task) {
    const core::Millis now = now_ms();
    Queued result = Queued::kFull;
    Task pushed_out;
    pushed_out.claimed = false;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    DatabaseSlot* s = slot_of(task.database, true);
    if (s == nullptr) {
        ++pool->dropped;
    } else if (settings.workers == 0 || kept_out(s)) {
        result = Queued::kNoWorkers;
    } else if (suspended_until(task, now) != 0) {
        result = Queued::kSuspended;
    } else if (WorkerSlot* w = who_is_at(task, task.key)) {
        // From now on it answers for the claim.
        w->task.claimed = w->task.claimed || task.claimed;
        result = Queued::kAlready;
    } else {
        TaskHead* waiting = nullptr;
        for (uint32 i = 0; i < pool->count && waiting == nullptr; ++i) {
            if (same_work(task_heads()[i], task_key(task_heads()[i]), task, task.key))
                waiting = &task_heads()[i];
        }
        if (waiting != nullptr) {
            waiting->due = std::min(waiting->due, task.due);
            waiting->claimed = waiting->claimed || task.claimed;
            waiting->deadline = task.deadline;
            result = Queued::kAlready;
        } else if (add_task(task, &pushed_out)) {
            result = Queued::kQueued;
        }
        if (result != Queued::kFull) {
            if (task.due <= now) {
                wake_somebody(task.database);
            } else if (task.due < pool->launcher_wakes) {
                wake_launcher();
            }
        }
    }
    LWLockRelease(tasks_lock);
    give_back(pushed_out, kRetryClaim);
    return result;
}

void request_refresh(const TaskCache& cache, const core::KeyView& key, core::Millis deadline) {
    Queued queued = Queued::kFull;
    core::Millis delay = kRetryClaim;
    const core::Millis now = now_ms();
    if (core::load_relaxed(pool->retries.count) > 0) {
        LWLockAcquire(tasks_lock, LW_SHARED);
        delay = std::max(delay, pool->retries.next_try(MyDatabaseId, cache.id, key.hash) - now);
        LWLockRelease(tasks_lock);
    }
    if (delay == kRetryClaim) {
        Task task;
        static_cast<TaskHead&>(task) = head_of(TaskKind::kRefresh, cache, now);
        task.claimed = true;
        task.deadline = deadline;
        task.hash = key.hash;
        task.key_bytes = key.size;
        if (key.size <= kMaxTaskKey) memcpy(task.key, key.bytes, key.size);
        queued = queue_task(task);
        if (queued == Queued::kNoWorkers || queued == Queued::kSuspended) delay = kRetryLater;
    }
    if (queued != Queued::kQueued && queued != Queued::kAlready) {
        store().release_refresh_claim(cache.index, key, delay);
    }
}

void forget_failures(uint64 cache_id, core::Tag key) {
    if (core::load_relaxed(pool->retries.count) == 0) return;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    pool->retries.succeeded(MyDatabaseId, cache_id, key);
    LWLockRelease(tasks_lock);
}

bool take_task(Task* task) {
    const core::Millis now = now_ms();
    bool found = false;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    const Oid database = my_slot->database;
    DatabaseSlot* s = slot_of(database, true);
    my_slot->woken = false;
    if (s != nullptr && s->kept_out_by == 0 && settings.workers > 0) {
        static_cast<TaskHead&>(*task) = {};
        task->database = database;
        task->kind = TaskKind::kLook;
        if (s->next_look <= now && !being_done(*task, task->key)) {
            s->look_asked = false;
            found = true;
        } else if (const uint32 i = best_task(database, now); i != UINT32_MAX) {
            take_out(i, task);
            found = true;
        }
        if (found) begin(*task);
    }
    LWLockRelease(tasks_lock);
    return found;
}

void finish_task(Outcome outcome) {
    bool lost = false;
    core::Millis next_try = 0;
    Task pushed_out;
    pushed_out.claimed = false;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    Task& task = my_slot->task;
    my_slot->busy = false;
    my_slot->overdue_us = 0;
    charge_task(*my_slot);
    if (task.kind == TaskKind::kLook) {
        // looked() was not reached.
        DatabaseSlot* s = slot_of(task.database, false);
        if (outcome == Outcome::kFailed && s != nullptr) {
            ++s->failures;
            s->next_look = now_ms() + kKeyBackoff.delay(s->failures, 0.5);
        }
    } else if (outcome == Outcome::kDone) {
        pool->retries.succeeded(task.database, task.cache_id, task.hash);
    } else if (outcome == Outcome::kFailed) {
        lost = !put_back(task, &next_try, &pushed_out);
    }
    // What its owner had too many of may be another's to do now, while this one goes on with more.
    if (pool->count > 0) wake_idle_worker(task.database);
    LWLockRelease(tasks_lock);
    // The next reader may ask for it again. A claim that is left after a value was published is of
    // another value, newer than that one.
    if (lost || outcome != Outcome::kFailed) {
        give_back(task, lost ? std::clamp(next_try - now_ms(), kRetryClaim, kRetryLater) : 0);
    }
    give_back(pushed_out, kRetryClaim);
}

bool claim_for_task() {
    const Task& task = my_slot->task;
    const bool claimed = store().claim_refresh(task.index, task.view());
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    // A reader who was faster may have left his claim to us; else he is about to queue a task.
    my_slot->task.claimed = my_slot->task.claimed || claimed;
    const bool ours = my_slot->task.claimed;
    LWLockRelease(tasks_lock);
    return ours;
}

void show_task(Oid owner, const char* cache, const char* key) {
    const int length = pg_mbcliplen(key, static_cast<int>(strlen(key)), kMaxShownKey - 1);
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    my_slot->owner = owner;
    strlcpy(my_slot->cache, cache, sizeof(my_slot->cache));
    memcpy(my_slot->key_text, key, length);
    my_slot->key_text[length] = '\0';
    LWLockRelease(tasks_lock);
}

void show_progress(int64 done, int64 total) {
    if (my_slot == nullptr) return;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    my_slot->done = done;
    my_slot->total = total;
    LWLockRelease(tasks_lock);
}

uint32 queue_room() {
    LWLockAcquire(tasks_lock, LW_SHARED);
    const uint32 room = places_for(my_slot->database);
    LWLockRelease(tasks_lock);
    return room;
}

}  // namespace cache_ext::pg
