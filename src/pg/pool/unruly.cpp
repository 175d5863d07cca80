#include "pg/pool/unruly.hpp"

#include <csignal>

#include "pg/base/clock.hpp"
#include "pg/pool/conduct.hpp"
#include "pg/base/settings.hpp"

namespace cache_ext::pg {
namespace {

constexpr uint64 kShortestGraceUs = 100000;  // before a terminated worker counts as endless

}  // namespace

// --- in a worker ---

void watch_task(uint64 fingerprint, int64 limit_ms) {
    const int64 all_ms = limit_ms + settings.cancel_grace_ms;
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    my_slot->fingerprint = fingerprint;
    // Told to stop already, it has no more time than that.
    if (!my_slot->stopping) {
        my_slot->overdue_us =
            limit_ms > 0 ? monotonic_us() + static_cast<uint64>(all_ms) * 1000 : 0;
        if (now_ms() + all_ms < pool->launcher_wakes) wake_launcher();
    }
    LWLockRelease(tasks_lock);
}

void unwatch_task() {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    my_slot->overdue_us = 0;
    LWLockRelease(tasks_lock);
}

// --- in the launcher ---

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

void end_unruly_workers() {
    for (int i = 0; i < pool->worker_slots; ++i) {
        int terminated = 0, endless = 0;
        Oid database = InvalidOid;  // that a worker does not get into
        LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
        WorkerSlot* w = worker_slot(i);
        const uint64 clock = monotonic_us();
        if (w->pid > 0 && w->overdue_us != 0 && w->overdue_us <= clock) {
            const core::Millis now = now_ms();
            if (!w->terminated) {
                // The worker cannot have left its slot, so the pid is still its own.
                kill(w->pid, SIGTERM);
                terminated = w->pid;
                if (!w->connected) database = w->database;
                w->terminated = true;
                const uint64 grace = static_cast<uint64>(settings.cancel_grace_ms) * 1000;
                w->overdue_us = clock + std::max(grace, kShortestGraceUs);
                note_termination(*w, now);
            } else {
                endless = w->connected ? w->pid : 0;
                w->endless = true;
                w->overdue_us = 0;
                note_endless(*w, now);
            }
        }
        LWLockRelease(tasks_lock);
        if (OidIsValid(database)) {
            ereport(LOG, (errmsg("cache_ext: worker %d was terminated, as it was not connected to "
                                 "its database within authentication_timeout",
                                 terminated),
                          errdetail("The database has OID %u. Somebody may hold a lock on it, or "
                                    "on its catalogs.",
                                    database)));
        } else if (terminated != 0) {
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

}  // namespace cache_ext::pg
