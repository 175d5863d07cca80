#include "pg/unruly.hpp"

#include <csignal>
#include <ctime>

#include "pg/arguments.hpp"
#include "pg/pool_state.hpp"
#include "pg/rights.hpp"
#include "pg/settings.hpp"

extern "C" {
#include "access/htup_details.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

constexpr core::Millis kLookForChangesMs = 60000;
constexpr core::Millis kLogEveryMs = 60000;
constexpr uint64 kShortestGraceUs = 100000;  // before a terminated worker counts as endless
constexpr int kNamedCaches = 5;

uint64 mix(uint64 hash, const char* text) {
    return text == nullptr
               ? hash_combine64(hash, 0)
               : hash_combine64(hash, hash_bytes_extended(reinterpret_cast<const uint8*>(text),
                                                          static_cast<int>(strlen(text)), 1));
}

// Another one after CREATE OR REPLACE or ALTER FUNCTION.
uint64 mix_function(uint64 hash, Oid function) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return hash_combine64(hash, 0);
    const uint64 version = static_cast<uint64>(HeapTupleHeaderGetRawXmin(tuple->t_data)) << 32 |
                           static_cast<uint64>(ItemPointerGetBlockNumber(&tuple->t_self)) << 16 |
                           ItemPointerGetOffsetNumber(&tuple->t_self);
    ReleaseSysCache(tuple);
    return hash_combine64(hash_combine64(hash, function), version);
}

// What a worker does for a cache, in so far as a change of it is worth another attempt.
uint64 fingerprint_of(const Definition* d) {
    uint64 hash = d->id;
    for (const Oid function : {d->loader, d->load_many, d->load_all}) {
        hash = mix_function(hash, function);
    }
    hash = mix(mix(hash, d->loader_name), d->warm_keys);
    for (const int64 n : {d->load_timeout_ms, d->ttl_ms, static_cast<int64>(d->refresh_after_ms),
                          d->sync_every_ms, d->warm_every_ms, static_cast<int64>(d->priority)}) {
        hash = hash_combine64(hash, static_cast<uint64>(n));
    }
    return hash;
}

// --- with the lock held ---

void suspend(Conduct* c, Oid database, core::Millis now) {
    if (DatabaseSlot* s = slot_of(database, false)) {
        s->next_load = std::min(s->next_load, now + kLookForChangesMs);
        s->next_look = std::min(s->next_look, s->next_load);
    }
    c->resumes = now + settings.suspend_time_ms;
    c->since = GetCurrentTimestamp();
    core::store_relaxed(pool->last_resume, std::max(pool->last_resume, c->resumes));
}

void note_termination(const WorkerSlot& w, core::Millis now) {
    Conduct* c = w.task.cache_id == 0 ? nullptr : make_conduct(w.task.index, w.task.cache_id);
    if (c == nullptr) return;
    if (now - c->last > settings.suspend_time_ms) c->terminations = 0;
    ++c->terminations;
    c->last = now;
    c->endless = false;
    c->fingerprint = w.fingerprint;
    const auto limit = static_cast<uint32>(settings.suspend_after);
    if (limit > 0 && c->terminations >= limit) suspend(c, w.database, now);
}

void note_endless(const WorkerSlot& w, core::Millis now) {
    Conduct* c = w.task.cache_id == 0 ? nullptr : make_conduct(w.task.index, w.task.cache_id);
    if (c == nullptr) return;
    c->endless = true;
    suspend(c, w.database, now);
}

void resume(Conduct* c) {
    const uint64 id = c->cache_id;
    c->resumes = 0;
    c->terminations = 0;
    const core::Millis now = now_ms();
    for (uint32 i = 0; i < pool->count; ++i) {
        TaskHead& t = task_heads()[i];
        if (t.cache_id == id) t.due = std::min(t.due, now);
    }
}

const char* reason_of(const Conduct& c) {
    if (c.endless) return "its loader went on although its worker was terminated";
    return psprintf("its loader went on after it was cancelled, and %u workers were terminated",
                    c.terminations);
}

bool suspension(const Definition* d, Conduct* out) {
    if (!shared_ready() || !any_suspended(now_ms())) return false;
    const core::CacheIndex index = store().find(MyDatabaseId, d->id);
    LWLockAcquire(tasks_lock, LW_SHARED);
    const Conduct* c = conduct_of(index, d->id);
    if (c != nullptr) *out = *c;
    LWLockRelease(tasks_lock);
    return c != nullptr && out->resumes > now_ms();
}

}  // namespace

uint64 monotonic_us() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<uint64>(t.tv_sec) * 1000000 + static_cast<uint64>(t.tv_nsec) / 1000;
}

Conduct* conduct_of(core::CacheIndex index, uint64 cache_id) {
    if (index == core::kNoCache) return nullptr;
    Conduct* c = conducts() + index;
    return c->cache_id == cache_id ? c : nullptr;
}

Conduct* make_conduct(core::CacheIndex index, uint64 cache_id) {
    if (!store().is(index, cache_id)) return nullptr;
    Conduct* c = conducts() + index;
    if (c->cache_id != cache_id) {
        *c = Conduct{};
        c->cache_id = cache_id;
    }
    return c;
}

core::Millis suspended_until(const TaskHead& task, core::Millis now) {
    const Conduct* c = task.cache_id == 0 ? nullptr : conduct_of(task.index, task.cache_id);
    return c != nullptr && c->resumes > now ? c->resumes : 0;
}

core::Millis next_unruly(core::Millis now) {
    core::Millis next = core::kNever;
    const uint64 clock = monotonic_us();
    for (int i = 0; i < pool->worker_slots; ++i) {
        const WorkerSlot* w = worker_slot(i);
        if (w->pid <= 0 || w->overdue_us == 0) continue;
        const uint64 left = w->overdue_us > clock ? w->overdue_us - clock : 0;
        next = std::min(next, now + static_cast<core::Millis>(left / 1000) + 1);
    }
    return next;
}

// --- in a worker ---

void watch_task(const Definition* d, int64 limit_ms) {
    const uint64 fingerprint = d == nullptr ? 0 : fingerprint_of(d);
    const int64 all_ms = limit_ms + settings.cancel_grace_ms;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    my_slot->fingerprint = fingerprint;
    // Told to stop already, it has no more time than that.
    if (limit_ms > 0 && !my_slot->stopping) {
        my_slot->overdue_us = monotonic_us() + static_cast<uint64>(all_ms) * 1000;
        if (now_ms() + all_ms < pool->launcher_wakes) wake_launcher();
    }
    LWLockRelease(tasks_lock);
}

void unwatch_task() {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    my_slot->overdue_us = 0;
    LWLockRelease(tasks_lock);
}

bool should_log(const TaskHead& task, uint32* before) {
    *before = 0;
    if (task.cache_id == 0) return true;
    const core::Millis now = now_ms();
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    Conduct* c = make_conduct(task.index, task.cache_id);
    // The clock may have been set back.
    const bool due = c == nullptr || c->logged == 0 || std::abs(now - c->logged) >= kLogEveryMs;
    if (c != nullptr && due) {
        c->logged = now;
        *before = c->unlogged;
        c->unlogged = 0;
    } else if (c != nullptr) {
        ++c->unlogged;
    }
    LWLockRelease(tasks_lock);
    return due;
}

core::Millis resume_changed(core::Millis now) {
    core::Millis next = core::kNever;
    for (int i = 0; any_suspended(now) && i < definition_count(); ++i) {
        const Definition* d = definition_at(i);
        Conduct known;
        if (!suspension(d, &known)) continue;
        if (fingerprint_of(d) == known.fingerprint) {
            next = now + kLookForChangesMs;
            continue;
        }
        const core::CacheIndex index = store().find(MyDatabaseId, d->id);
        LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
        if (Conduct* c = conduct_of(index, d->id)) resume(c);
        LWLockRelease(tasks_lock);
    }
    return next;
}

// --- in the launcher ---

void end_unruly_workers() {
    for (int i = 0; i < pool->worker_slots; ++i) {
        int terminated = 0, endless = 0;
        LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
        WorkerSlot* w = worker_slot(i);
        const uint64 clock = monotonic_us();
        if (w->pid > 0 && w->overdue_us != 0 && w->overdue_us <= clock) {
            const core::Millis now = now_ms();
            if (!w->terminated) {
                // The worker cannot have left its slot, so the pid is still its own.
                kill(w->pid, SIGTERM);
                terminated = w->pid;
                w->terminated = true;
                const uint64 grace = static_cast<uint64>(settings.cancel_grace_ms) * 1000;
                w->overdue_us = clock + std::max(grace, kShortestGraceUs);
                note_termination(*w, now);
            } else {
                endless = w->pid;
                w->endless = true;
                w->overdue_us = 0;
                note_endless(*w, now);
            }
        }
        LWLockRelease(tasks_lock);
        if (terminated != 0) {
            ereport(LOG, (errmsg("cache_ext: worker %d was terminated, as its loader went on for "
                                 "cache_ext.cancel_grace after it was cancelled",
                                 terminated)));
        }
        if (endless != 0) {
            ereport(LOG,
                    (errmsg("cache_ext: worker %d went on although it was terminated", endless),
                     errhint("Its loader waits or computes where nothing interrupts it. Nothing is "
                             "done in the background for that cache any more.")));
        }
    }
}

// --- anywhere ---

bool any_suspended(core::Millis now) {
    return core::load_relaxed(pool->last_resume) > now;
}

bool is_suspended(const Definition* d) {
    Conduct c;
    return suspension(d, &c);
}

HealthCheck check_suspended(const Definition* const* definitions, int count) {
    HealthCheck check = {"suspended"};
    StringInfoData text;
    initStringInfo(&text);
    int n = 0;
    for (int i = 0; i < count; ++i) {
        Conduct c;
        if (!suspension(definitions[i], &c) || ++n > kNamedCaches) continue;
        appendStringInfo(&text, "%s%s: %s", n > 1 ? ", " : "", definitions[i]->name, reason_of(c));
    }
    if (n > kNamedCaches) appendStringInfo(&text, " and %d more", n - kNamedCaches);
    check.measured = true;
    check.value = n;
    if (n > 0) check.status = Status::kCritical;
    check.detail = n > 0 ? text.data : "background work goes on for all caches";
    return check;
}

extern "C" {
PG_FUNCTION_INFO_V1(cache_suspended_rows_1_0);
PG_FUNCTION_INFO_V1(cache_resume_1_0);
}

// Behind the view cache_suspended: those that the user may see.
extern "C" Datum cache_suspended_rows_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (int i = 0, n = definition_count(); i < n; ++i) {
        const Definition* d = definition_at(i);
        Conduct c;
        if (!may_see(d) || !suspension(d, &c)) continue;
        Datum values[5] = {CStringGetTextDatum(d->name), TimestampTzGetDatum(c.since),
                           TimestampTzGetDatum(from_millis(c.resumes)),
                           Int64GetDatum(static_cast<int64>(c.terminations)),
                           CStringGetTextDatum(reason_of(c))};
        bool nulls[5] = {};
        tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
    }
    PG_RETURN_VOID();
}

// cache_resume(name text) RETURNS boolean: was it suspended?
extern "C" Datum cache_resume_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    require_owner(d);
    require_shared("cache_resume");
    Conduct known;
    const bool suspended = suspension(d, &known);
    const core::CacheIndex index = store().find(MyDatabaseId, d->id);
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    if (Conduct* c = conduct_of(index, d->id)) resume(c);
    LWLockRelease(tasks_lock);
    if (suspended) request_look(MyDatabaseId);
    PG_RETURN_BOOL(suspended);
}

}  // namespace cache_ext::pg
