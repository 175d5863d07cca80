#include "pg/pool/pool_state.hpp"

#include <ctime>

#include "pg/base/settings.hpp"

extern "C" {
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
}

namespace cache_ext::pg {

PoolState* pool = nullptr;
LWLock* tasks_lock = nullptr;
WorkerSlot* my_slot = nullptr;

namespace {

// What lies behind PoolState.
WorkerSlot* workers = nullptr;
Conduct* conduct = nullptr;
TaskHead* heads = nullptr;
uint8* keys = nullptr;

Size aligned(Size header, Size count, Size size) {
    return add_size(MAXALIGN(header), mul_size(count, size));
}

bool in_use(const DatabaseSlot& s) {
    if (s.kept_out_by != 0 || s.next_look != core::kNever) return true;
    for (int i = 0; i < pool->worker_slots; ++i) {
        if (worker_slot(i)->pid != 0 && worker_slot(i)->database == s.database) return true;
    }
    for (uint32 i = 0; i < pool->count; ++i) {
        if (task_heads()[i].database == s.database) return true;
    }
    return false;
}

}  // namespace

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

size_t pool_bytes() {
    Size size = aligned(sizeof(PoolState), max_worker_processes, sizeof(WorkerSlot));
    size = aligned(size, settings.max_caches, sizeof(Conduct));
    size = aligned(size, settings.queue_size, sizeof(TaskHead));
    return aligned(size, settings.queue_size, kMaxTaskKey);
}

void attach_pool(LWLock* lock) {
    bool found;
    tasks_lock = lock;
    pool = static_cast<PoolState*>(ShmemInitStruct("cache_ext tasks", pool_bytes(), &found));
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
    memset(base, 0, pool_bytes());
    pool->launcher_procno = -1;
    pool->queue_size = static_cast<uint32>(settings.queue_size);
    pool->worker_slots = max_worker_processes;
    for (uint32 i = 0; i < pool->queue_size; ++i) heads[i].key_slot = i;
    ConditionVariableInit(&pool->gone);
}

uint64 monotonic_us() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<uint64>(t.tv_sec) * 1000000 + static_cast<uint64>(t.tv_nsec) / 1000;
}

// --- with the lock held ---

bool same_work(const TaskHead& a, const uint8* a_key, const TaskHead& b, const uint8* b_key) {
    return a.cache_id == b.cache_id && a.kind == b.kind && a.database == b.database &&
           a.hash == b.hash && a.key_bytes == b.key_bytes && memcmp(a_key, b_key, a.key_bytes) == 0;
}

WorkerSlot* who_is_at(const TaskHead& head, const uint8* key) {
    for (int i = 0; i < pool->worker_slots; ++i) {
        WorkerSlot& w = workers[i];
        if (w.pid != 0 && w.busy && same_work(w.task, w.task.key, head, key)) return &w;
    }
    return nullptr;
}

int workers_of(Oid database) {
    int n = 0;
    for (int i = 0; i < pool->worker_slots; ++i) {
        const WorkerSlot* w = worker_slot(i);
        n += w->pid != 0 && w->database == database && !w->endless ? 1 : 0;
    }
    return n;
}

DatabaseSlot* slot_of(Oid database, bool make) {
    DatabaseSlot* place = nullptr;
    for (DatabaseSlot& s : pool->databases) {
        if (s.database == database) return &s;
        if (place == nullptr && !OidIsValid(s.database)) place = &s;
    }
    if (!make || !OidIsValid(database)) return nullptr;
    for (DatabaseSlot& s : pool->databases) {
        if (place != nullptr) break;
        if (!in_use(s)) place = &s;
    }
    if (place == nullptr) return nullptr;
    *place = DatabaseSlot{};
    place->database = database;
    place->next_look = core::kNever;
    place->next_load = core::kNever;
    return place;
}

bool kept_out(DatabaseSlot* s) {
    // Its holder may have been terminated in the middle.
    if (s->kept_out_by != 0 && BackendPidGetProc(s->kept_out_by) == nullptr) {
        s->kept_out_by = 0;
        if (s->next_look != core::kNever) s->next_look = 0;
    }
    return s->kept_out_by != 0;
}

void wake(int procno) {
    if (procno >= 0) SetLatch(&ProcGlobal->allProcs[procno].procLatch);
}

void wake_launcher() {
    wake(pool->launcher_procno);
}

bool wake_idle_worker(Oid database) {
    for (int i = 0; i < pool->worker_slots; ++i) {
        WorkerSlot* w = worker_slot(i);
        if (w->pid == 0 || w->database != database || w->busy || w->woken || !w->connected) {
            continue;
        }
        w->woken = true;
        wake(w->procno);
        return true;
    }
    return false;
}

void wake_somebody(Oid database) {
    if (!wake_idle_worker(database)) wake_launcher();
}

}  // namespace cache_ext::pg
