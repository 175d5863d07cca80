// When caches are to be synchronised and warmed.
#include "worker/workers.hpp"

#include "pg/catalog/control_blocks.hpp"
#include "pg/ahead/hot_keys.hpp"
#include "pg/catalog/loading_state.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/pool/conduct.hpp"
#include "pg/ahead/warm.hpp"

extern "C" {
#include "common/pg_prng.h"
}

namespace cache_ext::worker {
namespace {

constexpr core::Millis kNoRoomMs = 1000;  // until the queue may have room again

// The caches of this database that have keys in the file, which is read once per look at most.
struct Learnt {
    bool read;
    pg::CacheIds caches;

    bool has(const pg::Definition* d) {
        if (!read) caches = pg::caches_with_hot_keys(MyDatabaseId);
        read = true;
        return std::find(caches.ids, caches.ids + caches.count, d->id) != caches.ids + caches.count;
    }
};

// Within a tenth around the period: caches that were declared together are not warmed together.
core::Millis jittered(int64 period) {
    const double share = 0.9 + 0.2 * pg_prng_double(&pg_global_prng_state);
    return static_cast<core::Millis>(share * static_cast<double>(period));
}

// Queues a task for now; false: there is no room.
bool queue(pg::TaskKind kind, const pg::Definition* d) {
    return pg::queue_task(pg::new_task(kind, task_cache(d))) != pg::Queued::kFull;
}

core::Millis schedule_sync(const pg::Definition* d, const pg::LoadingState& s, core::Millis now) {
    if (d->sync_every_ms == 0 || !OidIsValid(d->load_all)) return core::kNever;
    // Also when the period was shortened, or the clock set back.
    const core::Millis due =
        s.next_sync == 0 ? now : std::min<core::Millis>(s.next_sync, now + d->sync_every_ms);
    if (due > now) return due;
    if (!queue(pg::TaskKind::kSync, d)) return now + kNoRoomMs;
    pg::set_next_sync(d, now + d->sync_every_ms);
    return now + d->sync_every_ms;
}

core::Millis schedule_warm(const pg::Definition* d, const pg::LoadingState& s, core::Millis now,
                           Learnt* learnt) {
    const core::Millis period = d->warm_every_ms == 0 ? core::kNever : jittered(d->warm_every_ms);
    const core::Millis next = period == core::kNever ? core::kNever : now + period;
    core::Millis due = s.next_warm;
    if (due == 0) {
        // The server was started, or the cache has just been declared.
        due = d->warm_keys != nullptr || learnt->has(d) ? now : next;
    } else if (due == core::kNever) {
        due = next;  // perhaps there is a period now
    } else if (d->warm_every_ms > 0) {
        due = std::min<core::Millis>(due, now + 2 * d->warm_every_ms);
    }
    const bool now_due = due <= now;
    if (now_due) due = next;
    // Before the task is there: it may put itself off, and that is to last.
    if (due != s.next_warm) pg::set_next_warm(d, due);
    if (!now_due || queue(pg::TaskKind::kWarm, d)) return due;
    pg::set_next_warm(d, now + kNoRoomMs);
    return now + kNoRoomMs;
}

core::Millis schedule_reload(const pg::Definition* d, const pg::LoadingState& s, core::Millis now) {
    if (!d->warm_on_invalidate) return core::kNever;
    core::Millis due = s.reload_from == 0 ? core::kNever : s.reload_from;
    if (s.invalidated_at != 0) {
        due = std::min(due,
                       std::min<core::Millis>(s.invalidated_at, now) + pg::settings.warm_delay_ms);
    }
    if (due > now) return due;
    return queue(pg::TaskKind::kReload, d) ? core::kNever : now + kNoRoomMs;
}

}  // namespace

core::Millis schedule_loading(core::Millis now) {
    core::Millis next = core::kNever;
    Learnt learnt = {};
    for (int i = 0; i < pg::definition_count(); ++i) {
        const pg::Definition* d = pg::definition_at(i);
        if (!pg::can_warm(d) || pg::is_suspended(d->id)) continue;
        // What nobody has used since the server was started gets a control block only for a reason.
        const bool wanted =
            d->sync_every_ms > 0 || d->warm_every_ms > 0 || d->warm_keys != nullptr ||
            pg::store().find(MyDatabaseId, d->id) != core::kNoCache || learnt.has(d);
        if (!wanted || pg::control_block(d) == core::kNoCache) continue;
        pg::LoadingState s;
        if (!pg::loading_state(d, &s)) s = pg::LoadingState{};
        next = std::min(next, schedule_sync(d, s, now));
        next = std::min(next, schedule_warm(d, s, now, &learnt));
        next = std::min(next, schedule_reload(d, s, now));
    }
    return next;
}

}  // namespace cache_ext::worker
