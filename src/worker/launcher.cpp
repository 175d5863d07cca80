// The launcher: wakes workers when something is due, starts them where there are not enough, finds
// databases that have work, and frees expired values. It connects to shared catalogs only, so it is
// in no database's way.
#include "worker/workers.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/settings.hpp"
#include "pg/pool/unruly.hpp"
#include "worker/learning.hpp"

extern "C" {
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/wait_event.h"

PGDLLEXPORT void cache_ext_launcher_main(Datum argument);
}

namespace cache_ext::worker {
namespace {

constexpr int kRestartSeconds = 10;
constexpr core::Millis kLongestNap = 300000;  // ms

struct Started {
    pg::Reservation reservation;
    BackgroundWorkerHandle* handle;
};

List* started = NIL;  // Started*, in TopMemoryContext

// Forgets workers that have ended, among them those that never took their place.
void reap() {
    ListCell* cell;
    foreach (cell, started) {
        auto* s = static_cast<Started*>(lfirst(cell));
        pid_t pid;
        if (GetBackgroundWorkerPid(s->handle, &pid) != BGWH_STOPPED) continue;
        pg::worker_ended(s->reservation);
        pfree(s->handle);
        pfree(s);
        started = foreach_delete_current(started, cell);
    }
}

void start_worker(const pg::Reservation& reservation) {
    BackgroundWorker worker = {};
    strlcpy(worker.bgw_name, "cache_ext worker", BGW_MAXLEN);
    strlcpy(worker.bgw_type, "cache_ext worker", BGW_MAXLEN);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_library_name, "cache_ext", BGW_MAXLEN);
    strlcpy(worker.bgw_function_name, "cache_ext_worker_main", BGW_MAXLEN);
    static_assert(sizeof(reservation) <= BGW_EXTRALEN);
    memcpy(worker.bgw_extra, &reservation, sizeof(reservation));
    worker.bgw_notify_pid = MyProcPid;
    auto* s = pg::make<Started>();
    s->reservation = reservation;
    if (!RegisterDynamicBackgroundWorker(&worker, &s->handle)) {
        pfree(s);
        if (pg::no_room_for_worker(reservation)) {
            ereport(LOG, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                          errmsg("cache_ext: the server has no room for another worker"),
                          errhint("Raise max_worker_processes.")));
        }
        return;
    }
    pg::room_for_worker();
    started = lappend(started, s);
}

void stop(int, Datum) {
    pg::launcher_stopped();
}

}  // namespace

void register_launcher() {
    // pg_upgrade wants databases that nobody is connected to.
    if (IsBinaryUpgrade) return;
    BackgroundWorker worker = {};
    strlcpy(worker.bgw_name, "cache_ext launcher", BGW_MAXLEN);
    strlcpy(worker.bgw_type, "cache_ext launcher", BGW_MAXLEN);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = kRestartSeconds;
    strlcpy(worker.bgw_library_name, "cache_ext", BGW_MAXLEN);
    strlcpy(worker.bgw_function_name, "cache_ext_launcher_main", BGW_MAXLEN);
    RegisterBackgroundWorker(&worker);
}

}  // namespace cache_ext::worker

extern "C" void cache_ext_launcher_main(Datum) {
    using namespace cache_ext;
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
    pgstat_report_activity(STATE_IDLE, nullptr);
    MemoryContextSwitchTo(TopMemoryContext);
    before_shmem_exit(worker::stop, 0);
    pg::launcher_started();

    core::Millis next_sweep = 0;
    core::Millis next_settling = 0;  // 0: nothing is unsettled
    while (!ShutdownRequestPending) {
        CHECK_FOR_INTERRUPTS();
        bool again = pg::take_databases_changed();
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        }
        worker::reap();
        pg::end_unruly_workers();
        const core::Millis scouted = worker::scout(again);
        core::Millis next;
        pg::Reservation reservation;
        while (pg::reserve_worker(&reservation, &next)) worker::start_worker(reservation);

        const core::Millis now = pg::now_ms();
        if (next_sweep <= now || next_sweep > now + pg::settings.naptime_ms) {
            next_sweep = now + (worker::sweep() ? pg::settings.naptime_ms : worker::kLongestNap);
        }
        if (next_settling <= now || next_settling > now + pg::settings.naptime_ms) {
            next_settling = worker::look_at_unsettled() ? now + pg::settings.naptime_ms : 0;
        }
        if (next_settling != 0) next = std::min(next, next_settling);
        next =
            std::min({next, scouted, next_sweep, now + worker::kLongestNap, now + worker::learn()});
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
                  static_cast<long>(std::max<core::Millis>(next - now, 0)),
                  pg::wait_event(pg::Wait::kLauncherMain));
        ResetLatch(MyLatch);
    }
    worker::learn_finally();
    // Not 0: ended by hand, it comes back.
    proc_exit(1);
}
