#include "pg/tasks.hpp"

#include "pg/pool_state.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/shmem.h"
}

namespace cache_ext::pg {

PoolState* pool = nullptr;
LWLock* tasks_lock = nullptr;

namespace {

constexpr core::Millis kRetryClaim = 1000;   // after a task had no room
constexpr core::Millis kRetryLater = 60000;  // while there are no workers, or none for this cache

// What lies behind PoolState.
WorkerSlot* workers = nullptr;
Conduct* conduct = nullptr;
TaskHead* heads = nullptr;
uint8* keys = nullptr;

Size aligned(Size header, Size count, Size size) {
    return add_size(MAXALIGN(header), mul_size(count, size));
}

// The best task of the database that may be done now; UINT32_MAX: none. Tasks whose loader has been
// failing are put off on the way.
uint32 best_task(Oid database, core::Millis now) {
    OwnerShares shares(now);
    for (;;) {
        uint32 best = UINT32_MAX;
        OwnerShare best_share = {};
        for (uint32 i = 0; i < pool->count; ++i) {
            const TaskHead& t = heads[i];
            if (t.database != database || t.due > now || held(t)) continue;
            const OwnerShare& share = shares.of(database, t.owner);
            if (share.running >= share.most) continue;
            if (best != UINT32_MAX && !comes_first(share, t, best_share, heads[best])) continue;
            if (being_done(t, task_key(t))) continue;
            best = i;
            best_share = share;
        }
        if (best == UINT32_MAX) return best;
        TaskHead& t = heads[best];
        const core::Millis next_try =
            std::max(pool->retries.next_try(t.cache_id, t.hash), suspended_until(t, now));
        if (next_try <= now) return best;
        t.due = next_try;
    }
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

const char* name_of(TaskKind kind) {
    switch (kind) {
        case TaskKind::kLook:
            return "look";
        case TaskKind::kRefresh:
            return "refresh";
        case TaskKind::kSync:
            return "sync";
        case TaskKind::kWarm:
            return "warm";
        case TaskKind::kReload:
            return "reload";
    }
    return "";
}

TaskHead* task_heads() {
    return heads;
}

uint8* task_key(const TaskHead& head) {
    return keys + Size{head.key_slot} * kMaxTaskKey;
}

WorkerSlot* worker_slot(int i) {
    return &workers[i];
}

Conduct* conducts() {
    return conduct;
}

size_t tasks_bytes() {
    Size size = aligned(sizeof(PoolState), max_worker_processes, sizeof(WorkerSlot));
    size = aligned(size, settings.max_caches, sizeof(Conduct));
    size = aligned(size, settings.queue_size, sizeof(TaskHead));
    return aligned(size, settings.queue_size, kMaxTaskKey);
}

void attach_tasks(LWLock* lock) {
    bool found;
    tasks_lock = lock;
    pool = static_cast<PoolState*>(ShmemInitStruct("cache_ext tasks", tasks_bytes(), &found));
    auto* base = reinterpret_cast<char*>(pool);
    Size offset = MAXALIGN(sizeof(PoolState));
    workers = reinterpret_cast<WorkerSlot*>(base + offset);
    offset = MAXALIGN(offset + sizeof(WorkerSlot) * max_worker_processes);
    conduct = reinterpret_cast<Conduct*>(base + offset);
    offset = MAXALIGN(offset + sizeof(Conduct) * settings.max_caches);
    heads = reinterpret_cast<TaskHead*>(base + offset);
    offset = MAXALIGN(offset + sizeof(TaskHead) * settings.queue_size);
    keys = reinterpret_cast<uint8*>(base + offset);
    if (found) return;
    memset(base, 0, tasks_bytes());
    pool->launcher_procno = -1;
    pool->queue_size = static_cast<uint32>(settings.queue_size);
    pool->worker_slots = max_worker_processes;
    for (uint32 i = 0; i < pool->queue_size; ++i) heads[i].key_slot = i;
    ConditionVariableInit(&pool->gone);
}

bool same_work(const TaskHead& a, const uint8* a_key, const TaskHead& b, const uint8* b_key) {
    return a.cache_id == b.cache_id && a.kind == b.kind && a.database == b.database &&
           a.hash == b.hash && a.key_bytes == b.key_bytes && memcmp(a_key, b_key, a.key_bytes) == 0;
}

bool being_done(const TaskHead& head, const uint8* key) {
    for (int i = 0; i < pool->worker_slots; ++i) {
        const WorkerSlot& w = workers[i];
        if (w.pid != 0 && w.busy && same_work(w.task, w.task.key, head, key)) return true;
    }
    return false;
}

void remove_task(uint32 i) {
    std::swap(heads[i], heads[--pool->count]);
}

bool held(const TaskHead& t) {
    const Conduct* c = t.cache_id == 0 ? nullptr : conduct_of(t.index, t.cache_id);
    return c != nullptr && c->held_by != 0;
}

void charge_task(const WorkerSlot& w) {
    if (w.task.kind == TaskKind::kLook) return;
    const auto ms = static_cast<double>(monotonic_us() - w.begun_us) / 1000;
    pool->turns.charge(w.database, w.task.owner, ms, now_ms());
}

void give_back(const Task& task, core::Millis delay) {
    if (task.claimed && store().is(task.index, task.cache_id)) {
        store().release_refresh_claim(task.index, task.view(), delay);
    }
}

bool add_task(const Task& task, Task* pushed_out) {
    pushed_out->claimed = false;
    const bool fits = task.key_bytes <= kMaxTaskKey;
    if (fits && pool->count == pool->queue_size) {
        const uint32 i = who_gives_way(task);
        if (i != UINT32_MAX) {
            static_cast<TaskHead&>(*pushed_out) = heads[i];
            memcpy(pushed_out->key, task_key(heads[i]), heads[i].key_bytes);
            remove_task(i);
            ++pool->dropped;
        }
    }
    if (!fits || pool->count == pool->queue_size) {
        ++pool->dropped;
        return false;
    }
    TaskHead& head = heads[pool->count++];
    const uint32 key_slot = head.key_slot;
    head = task;
    head.key_slot = key_slot;
    head.number = ++pool->next_number;
    memcpy(task_key(head), task.key, task.key_bytes);
    return true;
}

Task new_task(TaskKind kind, const Definition* d) {
    Task task = {};
    task.database = MyDatabaseId;
    task.kind = kind;
    task.priority = d->priority;
    task.owner = d->owner;
    task.cache_id = d->id;
    task.index = d->index;
    task.due = now_ms();
    task.deadline = core::kNever;
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
    } else if (being_done(task, task.key)) {
        result = Queued::kAlready;
    } else {
        TaskHead* waiting = nullptr;
        for (uint32 i = 0; i < pool->count && waiting == nullptr; ++i) {
            if (same_work(heads[i], task_key(heads[i]), task, task.key)) waiting = &heads[i];
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

void request_refresh(const Definition* d, const core::KeyView& key, core::Millis deadline) {
    Queued queued = Queued::kFull;
    core::Millis delay = kRetryClaim;
    const core::Millis now = now_ms();
    if (core::load_relaxed(pool->retries.count) > 0) {
        LWLockAcquire(tasks_lock, LW_SHARED);
        delay = std::max(delay, pool->retries.next_try(d->id, key.hash) - now);
        LWLockRelease(tasks_lock);
    }
    if (delay == kRetryClaim) {
        Task task;
        static_cast<TaskHead&>(task) = {};
        task.database = MyDatabaseId;
        task.kind = TaskKind::kRefresh;
        task.claimed = true;
        task.priority = d->priority;
        task.owner = d->owner;
        task.cache_id = d->id;
        task.index = d->index;
        task.due = now;
        task.deadline = deadline;
        task.hash = key.hash;
        task.key_bytes = key.size;
        if (key.size <= kMaxTaskKey) memcpy(task.key, key.bytes, key.size);
        queued = queue_task(task);
        if (queued == Queued::kNoWorkers || queued == Queued::kSuspended) delay = kRetryLater;
    }
    // Somebody at work on the key already may hold no claim, but then publishes a new entry.
    if (queued != Queued::kQueued && queued != Queued::kAlready) {
        store().release_refresh_claim(d->index, key, delay);
    }
}

void note_load_success(uint64 cache_id, core::Tag key) {
    if (core::load_relaxed(pool->retries.count) == 0) return;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    pool->retries.succeeded(cache_id, key);
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
            static_cast<TaskHead&>(*task) = heads[i];
            memcpy(task->key, task_key(heads[i]), heads[i].key_bytes);
            remove_task(i);
            found = true;
        }
        if (found) begin(*task);
    }
    LWLockRelease(tasks_lock);
    return found;
}

bool put_back(const Task& task, core::Millis* next_try, Task* pushed_out) {
    const core::Millis now = now_ms();
    pushed_out->claimed = false;
    // Told to stop, it has not failed.
    *next_try = my_slot->stopping ? now : pool->retries.failed(task.cache_id, task.hash, now);
    *next_try = std::max(*next_try, suspended_until(task, now));
    const DatabaseSlot* s = slot_of(task.database, false);
    if (*next_try >= task.deadline || (s != nullptr && s->kept_out_by != 0)) return false;
    if (!store().is(task.index, task.cache_id)) return false;  // dropped
    Task again = task;
    again.due = *next_try;
    if (!add_task(again, pushed_out)) return false;
    if (again.due < pool->launcher_wakes) wake_launcher();
    return true;
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
        pool->retries.succeeded(task.cache_id, task.hash);
    } else if (outcome == Outcome::kFailed) {
        lost = !put_back(task, &next_try, &pushed_out);
    }
    // What its owner had too many of may be another's to do now, while this one goes on with more.
    if (pool->count > 0) wake_idle_worker(task.database);
    LWLockRelease(tasks_lock);
    // The next reader may ask for it again.
    if (lost || outcome == Outcome::kNothing) {
        give_back(task, lost ? std::clamp(next_try - now_ms(), kRetryClaim, kRetryLater) : 0);
    }
    give_back(pushed_out, kRetryClaim);
}

void note_claimed() {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    my_slot->task.claimed = true;
    LWLockRelease(tasks_lock);
}

void show_task(const Definition* d, const char* key) {
    const int length = pg_mbcliplen(key, static_cast<int>(strlen(key)), kMaxShownKey - 1);
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    my_slot->owner = d->owner;
    strlcpy(my_slot->cache, d->name, sizeof(my_slot->cache));
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

void request_look(Oid database) {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    if (DatabaseSlot* s = slot_of(database, true)) {
        s->next_look = 0;
        s->look_asked = true;
        wake_somebody(database);
    }
    LWLockRelease(tasks_lock);
}

void looked(core::Millis next_load, core::Millis next_scan) {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    if (DatabaseSlot* s = slot_of(my_slot->database, false)) {
        s->failures = 0;
        const core::Millis next = next_scan == 0 ? next_load : std::min(next_load, next_scan);
        s->next_look = s->look_asked ? 0 : next;
        s->next_scan = next_scan;
        s->next_load = next_load;
        if (s->next_look < pool->launcher_wakes) wake_launcher();
    }
    LWLockRelease(tasks_lock);
}

core::Millis scan_due() {
    LWLockAcquire(tasks_lock, LW_SHARED);
    const DatabaseSlot* s = slot_of(my_slot->database, false);
    const core::Millis due = s == nullptr ? 0 : s->next_scan;
    LWLockRelease(tasks_lock);
    return due;
}

void note_owners(int owners) {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    if (DatabaseSlot* s = slot_of(my_slot->database, false)) s->owners = owners;
    LWLockRelease(tasks_lock);
}

uint32 queue_room() {
    LWLockAcquire(tasks_lock, LW_SHARED);
    const uint32 room = places_for(my_slot->database);
    LWLockRelease(tasks_lock);
    return room;
}

}  // namespace cache_ext::pg
