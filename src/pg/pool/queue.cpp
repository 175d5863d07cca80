#include "pg/pool/queue.hpp"

#include "pg/base/clock.hpp"
#include "pg/pool/conduct.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/pool/turns.hpp"

namespace cache_ext::pg {

void remove_task(uint32 i) {
    std::swap(task_heads()[i], task_heads()[--pool->count]);
}

void take_out(uint32 i, Task* task) {
    const TaskHead& head = task_heads()[i];
    static_cast<TaskHead&>(*task) = head;
    memcpy(task->key, task_key(head), head.key_bytes);
    remove_task(i);
}

void charge_task(const WorkerSlot& w) {
    if (w.task.kind == TaskKind::kLook) return;
    const auto ms = static_cast<double>(monotonic_us() - w.begun_us) / 1000;
    pool->owner_times.charge(w.database, w.task.owner, ms, now_ms());
}

bool add_task(const Task& task, Task* pushed_out) {
    pushed_out->claimed = false;
    const bool fits = task.key_bytes <= kMaxTaskKey;
    if (fits && pool->count == pool->queue_size) {
        const uint32 i = who_gives_way(task);
        if (i != UINT32_MAX) {
            take_out(i, pushed_out);
            ++pool->dropped;
        }
    }
    if (!fits || pool->count == pool->queue_size) {
        ++pool->dropped;
        return false;
    }
    TaskHead& head = task_heads()[pool->count++];
    const uint32 key_slot = head.key_slot;
    head = task;
    head.key_slot = key_slot;
    head.number = ++pool->next_number;
    memcpy(task_key(head), task.key, task.key_bytes);
    return true;
}

bool put_back(const Task& task, core::Millis* next_try, Task* pushed_out) {
    const core::Millis now = now_ms();
    pushed_out->claimed = false;
    // Told to stop, it has not failed.
    *next_try = my_slot->stopping
                    ? now
                    : pool->retries.failed(task.database, task.cache_id, task.hash, now);
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

void give_back(const Task& task, core::Millis delay) {
    if (task.claimed && store().is(task.index, task.cache_id)) {
        store().release_refresh_claim(task.index, task.view(), delay);
    }
}

}  // namespace cache_ext::pg
