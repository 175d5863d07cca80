#include "pg/pool/pool.hpp"

#include "pg/base/clock.hpp"
#include "pg/base/compat.hpp"
#include "pg/pool/conduct.hpp"
#include "pg/pool/queue.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/pool/turns.hpp"
#include "pg/pool/unruly.hpp"

extern "C" {
#include "postmaster/postmaster.h"
#include "storage/proc.h"
}

namespace cache_ext::pg {

namespace {

constexpr uint64 kTurnUs = 1000000;  // of a worker, while another database has none
// The server has no room for a worker.
constexpr core::Backoff kRoomBackoff = {1000, 60000};
constexpr TimestampTz kSayAgain = int64{24} * USECS_PER_HOUR;
// Workers that do not get to work: the database refuses connections, say.
constexpr core::Backoff kDatabaseBackoff = {1000, 300000};

bool has_values(Oid database) {
    for (core::CacheIndex i = 0; i < store().max_caches(); ++i) {
        const core::CacheControl* c = store().control(i);
        if (c->database == database && core::load_relaxed(c->live_entries) > 0) return true;
    }
    return false;
}

bool looking(Oid database) {
    TaskHead look = {};
    look.database = database;
    look.kind = TaskKind::kLook;
    return being_done(look, nullptr);
}

// How many tasks wait, per database; returns when the next one will be due.
core::Millis count_needs(core::Millis now) {
    core::Millis next = core::kNever;
    for (DatabaseSlot& s : pool->databases) {
        s.needed = 0;
        if (!OidIsValid(s.database)) continue;
        // No need to send somebody into a database without a value to find that out.
        if (s.next_look <= now && !s.look_asked && settings.refresh_interval_ms > 0 &&
            !has_values(s.database)) {
            s.next_scan = now + settings.refresh_interval_ms;
            s.next_look = std::min(s.next_scan, s.next_load);
        }
        if (s.next_look > now) {
            next = std::min(next, s.next_look);
        } else if (!looking(s.database)) {
            s.needed = 1;
        }
    }
    DatabaseSlot* s = nullptr;
    OwnerShares shares(now);
    for (uint32 i = 0; i < pool->count; ++i) {
        const TaskHead& t = task_heads()[i];
        if (t.deadline <= now) {
            remove_task(i--);  // the value has expired, and its claim with it
            continue;
        }
        if (t.due > now) {
            next = std::min(next, t.due);
            continue;
        }
        if (s == nullptr || s->database != t.database) s = slot_of(t.database, true);
        if (s == nullptr || held(t) || being_done(t, task_key(t))) continue;
        // Nobody may take more of one owner's.
        OwnerShare& share = shares.of(t.database, t.owner);
        if (share.running + share.due >= share.most) continue;
        ++share.due;
        ++s->needed;
    }
    return std::min(next, next_unruly(now));
}

// Idle workers, and those that are about to come, have the tasks first.
void wake_idle() {
    for (int i = 0; i < pool->worker_slots; ++i) {
        WorkerSlot* w = worker_slot(i);
        if (w->pid == 0 || w->busy) continue;
        DatabaseSlot* s = slot_of(w->database, false);
        if (s == nullptr || s->needed == 0) continue;
        --s->needed;
        if (w->woken || !w->connected) continue;
        w->woken = true;
        wake(w->procno);
    }
}

WorkerSlot* free_slot() {
    for (int i = 0; i < pool->worker_slots; ++i) {
        if (worker_slot(i)->pid == 0) return worker_slot(i);
    }
    return nullptr;  // they end, and wake the launcher
}

// Whoever owns a database can keep workers from getting there: by a lock, or by changing it.
bool is_coming(Oid database) {
    for (int i = 0; i < pool->worker_slots; ++i) {
        const WorkerSlot* w = worker_slot(i);
        if (w->pid != 0 && !w->connected && w->database == database) return true;
    }
    return false;
}

// Have databases whose last worker did not get there half of all places?
bool enough_doubtful() {
    int n = 0;
    for (int i = 0; i < pool->worker_slots; ++i) {
        const WorkerSlot* w = worker_slot(i);
        if (w->pid == 0 || w->connected) continue;
        const DatabaseSlot* s = slot_of(w->database, false);
        n += s != nullptr && s->failures > 0 ? 1 : 0;
    }
    return n >= std::max(1, pool->worker_slots / 2);
}

// The database with fewer workers gets the next one, or that which has waited for longer.
bool poorer(const DatabaseSlot& a, const DatabaseSlot& b) {
    const int a_workers = workers_of(a.database), b_workers = workers_of(b.database);
    if (a_workers != b_workers) return a_workers < b_workers;
    return a.last_started < b.last_started;
}

}  // namespace

// --- launcher ---

void launcher_started() {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    pool->launcher_pid = MyProcPid;
    pool->launcher_procno = proc_number();
    pool->launcher_started_at = GetCurrentTimestamp();
    pool->databases_changed = true;
    // What an earlier launcher was about to start is nobody's any more.
    for (int i = 0; i < pool->worker_slots; ++i) {
        if (worker_slot(i)->pid == kStarting) worker_slot(i)->pid = 0;
    }
    LWLockRelease(tasks_lock);
}

void launcher_stopped() {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    pool->launcher_pid = 0;
    pool->launcher_procno = -1;
    LWLockRelease(tasks_lock);
}

bool reserve_worker(Reservation* reservation, core::Millis* next) {
    const core::Millis now = now_ms();
    WorkerSlot* found = nullptr;
    bool waiting_for_room = false;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    *next = count_needs(now);
    wake_idle();
    DatabaseSlot* poorest = nullptr;
    WorkerSlot* place = free_slot();
    const bool no_more_doubtful = enough_doubtful();
    for (DatabaseSlot& s : pool->databases) {
        s.starved = false;
        if (!OidIsValid(s.database) || s.needed == 0) continue;
        if (kept_out(&s) || workers_of(s.database) >= settings.workers) continue;
        // One after the other, until it is seen that they get there.
        if (is_coming(s.database) || (s.failures > 0 && no_more_doubtful)) continue;
        const core::Millis earliest = std::max(s.retry_at, pool->start_retry);
        waiting_for_room = waiting_for_room || pool->start_retry > now;
        s.starved =
            s.failures == 0 && s.retry_at <= now && (pool->start_retry > now || place == nullptr);
        if (earliest > now) {
            *next = std::min(*next, earliest);
        } else if (poorest == nullptr || poorer(s, *poorest)) {
            poorest = &s;
        }
    }
    if (poorest != nullptr && place != nullptr) {
        found = place;
        memset(static_cast<void*>(found), 0, sizeof(*found));
        found->pid = kStarting;
        found->database = poorest->database;
        found->number = ++pool->last_worker;
        *reservation = {poorest->database, static_cast<int>(found - worker_slot(0)), found->number};
    }
    if (found == nullptr && !waiting_for_room) pool->start_failures = 0;
    pool->launcher_wakes = found != nullptr ? 0 : *next;
    LWLockRelease(tasks_lock);
    return found != nullptr;
}

bool no_room_for_worker(const Reservation& reservation) {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    worker_slot(reservation.slot)->pid = 0;
    ++pool->failed_starts;
    pool->last_failed_start = GetCurrentTimestamp();
    pool->start_retry = now_ms() + kRoomBackoff.delay(++pool->start_failures, 0.5);
    // Where two databases take turns in the last place, there is room again and again.
    const bool quiet =
        pool->last_said == 0 || pool->last_failed_start - pool->last_said > kSayAgain;
    if (quiet) pool->last_said = pool->last_failed_start;
    // Idle workers make room, see worker_surplus().
    for (int i = 0; i < pool->worker_slots; ++i) {
        const WorkerSlot* w = worker_slot(i);
        if (w->pid > 0 && !w->busy) wake(w->procno);
    }
    LWLockRelease(tasks_lock);
    ConditionVariableBroadcast(&pool->gone);
    return quiet;
}

void room_for_worker() {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    pool->start_failures = 0;
    pool->start_retry = 0;
    LWLockRelease(tasks_lock);
}

void worker_ended(const Reservation& reservation) {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    WorkerSlot* w = worker_slot(reservation.slot);
    if (w->pid == kStarting && w->number == reservation.number) {
        w->pid = 0;
        DatabaseSlot* s = slot_of(reservation.database, false);
        if (s != nullptr) s->retry_at = now_ms() + kDatabaseBackoff.delay(++s->failures, 0.5);
    }
    pool->start_retry = 0;  // there is room now
    LWLockRelease(tasks_lock);
    ConditionVariableBroadcast(&pool->gone);
}

bool take_databases_changed() {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    const bool changed = pool->databases_changed;
    pool->databases_changed = false;
    LWLockRelease(tasks_lock);
    return changed;
}

bool unseen(Oid database) {
    LWLockAcquire(tasks_lock, LW_SHARED);
    const DatabaseSlot* s = slot_of(database, false);
    // One that nobody can look into is not waited for.
    const bool wanted = s != nullptr && s->kept_out_by == 0 && s->failures == 0 &&
                        (s->next_look <= now_ms() || looking(database));
    LWLockRelease(tasks_lock);
    return wanted;
}

// --- worker ---

bool worker_started(const Reservation& reservation) {
    bool allowed = false;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    WorkerSlot* w = worker_slot(reservation.slot);
    if (w->pid == kStarting && w->number == reservation.number) {
        DatabaseSlot* s = slot_of(reservation.database, true);
        allowed = s != nullptr && !kept_out(s);
        w->pid = allowed ? MyProcPid : 0;
        if (allowed) s->last_started = w->number;
        w->procno = proc_number();
        w->started_at = GetCurrentTimestamp();
        w->started_us = monotonic_us();
        w->overdue_us = w->started_us + static_cast<uint64>(AuthenticationTimeout) * USECS_PER_SEC;
        wake_launcher();  // to look after it
    }
    LWLockRelease(tasks_lock);
    if (allowed) {
        my_slot = w;
    } else {
        ConditionVariableBroadcast(&pool->gone);
    }
    return allowed;
}

void worker_connected() {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    my_slot->connected = true;
    my_slot->overdue_us = 0;
    wake_launcher();  // the next one may come
    if (DatabaseSlot* s = slot_of(my_slot->database, false)) {
        s->failures = 0;
        s->retry_at = 0;
    }
    LWLockRelease(tasks_lock);
}

void worker_stopped() {
    if (my_slot == nullptr) return;
    bool lost = false;
    core::Millis next_try;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    // A copy that outlives the slot; static, as this may be the end of a deep stack.
    static Task task, pushed_out;
    pushed_out.claimed = false;
    task = my_slot->task;
    const bool busy = my_slot->busy;
    DatabaseSlot* s = slot_of(my_slot->database, false);
    if (!my_slot->connected && s != nullptr) {
        s->retry_at = now_ms() + kDatabaseBackoff.delay(++s->failures, 0.5);
    }
    if (busy && task.kind == TaskKind::kLook) {
        if (s != nullptr) s->next_look = now_ms() + kKeyBackoff.delay(++s->failures, 0.5);
    } else if (busy) {
        charge_task(*my_slot);
        lost = !put_back(task, &next_try, &pushed_out);
    }
    my_slot->pid = 0;
    my_slot = nullptr;
    wake_launcher();  // tasks may have come in while it was ending
    LWLockRelease(tasks_lock);
    ConditionVariableBroadcast(&pool->gone);
    if (lost) give_back(task, kRetryClaim);
    give_back(pushed_out, kRetryClaim);
}

bool worker_surplus() {
    LWLockAcquire(tasks_lock, LW_SHARED);
    const bool surplus =
        pool->start_failures > 0 || workers_of(my_slot->database) > settings.workers;
    LWLockRelease(tasks_lock);
    return surplus;
}

bool worker_gives_way() {
    bool gives_way = false;
    LWLockAcquire(tasks_lock, LW_SHARED);
    const int mine = workers_of(my_slot->database);
    const bool had_its_turn = monotonic_us() - my_slot->started_us >= kTurnUs;
    for (const DatabaseSlot& s : pool->databases) {
        if (!had_its_turn || gives_way) break;
        if (!s.starved || s.database == my_slot->database) continue;
        const int theirs = workers_of(s.database);
        gives_way = theirs == 0 || theirs + 1 < mine;
    }
    LWLockRelease(tasks_lock);
    return gives_way;
}

// --- all ---

void wake_all() {
    if (pool == nullptr) return;
    LWLockAcquire(tasks_lock, LW_SHARED);
    wake_launcher();
    for (int i = 0; i < pool->worker_slots; ++i) {
        if (worker_slot(i)->pid > 0) wake(worker_slot(i)->procno);
    }
    LWLockRelease(tasks_lock);
}

PoolHealth pool_health(Oid database) {
    PoolHealth h = {};
    const core::Millis now = now_ms();
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    count_needs(now);
    h.launcher = pool->launcher_pid != 0;
    for (int i = 0; i < pool->worker_slots; ++i) {
        const WorkerSlot* w = worker_slot(i);
        if (w->pid == 0) continue;
        if (DatabaseSlot* s = slot_of(w->database, false);
            s != nullptr && !w->busy && s->needed > 0)
            --s->needed;
    }
    for (const DatabaseSlot& s : pool->databases) {
        if (!OidIsValid(s.database) || (OidIsValid(database) && s.database != database)) continue;
        const int running = workers_of(s.database);
        h.running += running;
        h.wanted += std::max(running, std::min(running + s.needed, settings.workers));
    }
    h.no_room = pool->start_failures > 0;
    h.failed_starts = pool->failed_starts;
    h.last_failed_start = pool->last_failed_start;
    h.queued = pool->count;
    h.queue_size = pool->queue_size;
    h.dropped = pool->dropped;
    h.retrying = pool->retries.count;
    LWLockRelease(tasks_lock);
    return h;
}

}  // namespace cache_ext::pg
