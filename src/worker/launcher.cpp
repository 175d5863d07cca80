// The launcher starts a worker for every database that has tasks and none. It holds no connection,
// so it is in nobody's way.
#include "pg/tasks.hpp"

#include "pg/settings.hpp"
#include "worker/learning.hpp"
#include "worker/workers.hpp"

extern "C" {
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
constexpr long kRetryMs = 5000;  // after the server had no room for a worker
constexpr int kMaxHandles = 128;

struct Started {
    Oid database;
    BackgroundWorkerHandle* handle;
};

Started started[kMaxHandles];
int started_count = 0;

// Forgets workers that have ended, among them those that never reached their slot.
void reap() {
    for (int i = 0; i < started_count;) {
        pid_t pid;
        if (GetBackgroundWorkerPid(started[i].handle, &pid) != BGWH_STOPPED) {
            ++i;
            continue;
        }
        pg::worker_not_started(started[i].database);
        pfree(started[i].handle);
        started[i] = started[--started_count];
    }
}

bool start_worker(Oid database) {
    BackgroundWorker worker = {};
    strlcpy(worker.bgw_name, "cache_ext worker", BGW_MAXLEN);
    strlcpy(worker.bgw_type, "cache_ext worker", BGW_MAXLEN);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_library_name, "cache_ext", BGW_MAXLEN);
    strlcpy(worker.bgw_function_name, "cache_ext_worker_main", BGW_MAXLEN);
    worker.bgw_main_arg = ObjectIdGetDatum(database);
    worker.bgw_notify_pid = MyProcPid;
    Started s = {database, nullptr};
    if (started_count == kMaxHandles || !RegisterDynamicBackgroundWorker(&worker, &s.handle)) {
        pg::worker_not_started(database);
        return false;
    }
    started[started_count++] = s;
    return true;
}

void stop(int, Datum) {
    pg::launcher_stopped();
}

}  // namespace

void register_launcher() {
    BackgroundWorker worker = {};
    strlcpy(worker.bgw_name, "cache_ext launcher", BGW_MAXLEN);
    strlcpy(worker.bgw_type, "cache_ext launcher", BGW_MAXLEN);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
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
    MemoryContextSwitchTo(TopMemoryContext);
    before_shmem_exit(worker::stop, 0);
    pg::launcher_started();

    while (!ShutdownRequestPending) {
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        }
        worker::reap();
        long wait = std::min<long>(pg::settings.naptime_ms, worker::learn());
        for (Oid database = pg::database_in_need(); OidIsValid(database);
             database = pg::database_in_need()) {
            if (worker::start_worker(database)) continue;
            wait = std::min(wait, worker::kRetryMs);
            break;
        }
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, wait,
                  PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
    }
    worker::learn_finally();
    // Not 0: ended by hand, it comes back.
    proc_exit(1);
}
