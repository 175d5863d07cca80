#include "pg/pool/conduct.hpp"

#include "pg/base/clock.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"

namespace cache_ext::pg {
namespace {

constexpr core::Millis kLogEveryMs = 60000;

void suspend(Conduct* c, Oid database, core::Millis now) {
    if (DatabaseSlot* s = slot_of(database, false)) {
        s->next_load = std::min(s->next_load, now + kLookForChangesMs);
        s->next_look = std::min(s->next_look, s->next_load);
    }
    c->resumes = now + settings.suspend_time_ms;
    c->since = GetCurrentTimestamp();
    core::store_relaxed(pool->last_resume, std::max(pool->last_resume, c->resumes));
}

// nullptr: nothing is known. With tasks_lock held.
Conduct* conduct_of(core::CacheIndex index, uint64 cache_id) {
    if (index == core::kNoCache) return nullptr;
    Conduct* c = conducts() + index;
    return c->cache_id == cache_id ? c : nullptr;
}

}  // namespace

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

bool held(const TaskHead& t) {
    const Conduct* c = t.cache_id == 0 ? nullptr : conduct_of(t.index, t.cache_id);
    return c != nullptr && c->held_by != 0;
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

// --- without the lock ---

bool any_suspended(core::Millis now) {
    return core::load_relaxed(pool->last_resume) > now;
}

bool suspension(uint64 cache_id, Conduct* out) {
    if (!store_ready() || !any_suspended(now_ms())) return false;
    const core::CacheIndex index = store().find(MyDatabaseId, cache_id);
    LWLockAcquire(tasks_lock, LW_SHARED);
    const Conduct* c = conduct_of(index, cache_id);
    if (c != nullptr) *out = *c;
    LWLockRelease(tasks_lock);
    return c != nullptr && out->resumes > now_ms();
}

bool is_suspended(uint64 cache_id) {
    Conduct known;
    return suspension(cache_id, &known);
}

void resume(uint64 cache_id) {
    const core::CacheIndex index = store().find(MyDatabaseId, cache_id);
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    if (Conduct* c = conduct_of(index, cache_id)) {
        c->resumes = 0;
        c->terminations = 0;
        const core::Millis now = now_ms();
        for (uint32 i = 0; i < pool->count; ++i) {
            TaskHead& t = task_heads()[i];
            if (t.cache_id == cache_id && t.database == MyDatabaseId) t.due = std::min(t.due, now);
        }
    }
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

}  // namespace cache_ext::pg
