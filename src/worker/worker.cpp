// A worker does the tasks of one database, one after the other, and ends when there have been none
// for a while; at once if all it did was look.
#include "worker/workers.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/settings.hpp"
#include "pg/load/hidden_settings.hpp"

extern "C" {
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/sinval.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/wait_event.h"

PGDLLEXPORT void cache_ext_worker_main(Datum argument);
}

namespace cache_ext::worker {
namespace {

constexpr long kIdleNaps = 6;  // of cache_ext.naptime, then the worker ends

void stop(int, Datum) {
    pg::worker_stopped();
}

// What the owner of a database has set there for transactions and timeouts does not decide whether
// other owners' caches are refreshed. Loaders have settings of their own; cache_ext.enabled is his.
void prepare_settings() {
    constexpr const char* kOwn[][2] = {
        {"default_transaction_isolation", "read committed"},
        {"default_transaction_read_only", "off"},
        {"default_transaction_deferrable", "off"},
        {"statement_timeout", "0"},
        {"lock_timeout", "0"},
        {"idle_in_transaction_session_timeout", "0"},
        {"transaction_timeout", "0"},
    };
    for (const auto& [name, value] : kOwn) {
        if (pg::find_setting(name) == nullptr) continue;  // not in every version
        SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
    }
}

// Waits to be woken, for so long at most.
void wait(long ms) {
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms,
              pg::wait_event(pg::Wait::kWorkerMain));
    ResetLatch(MyLatch);
}

}  // namespace
}  // namespace cache_ext::worker

extern "C" void cache_ext_worker_main(Datum) {
    using namespace cache_ext;
    pg::Reservation reservation;
    memcpy(&reservation, MyBgworkerEntry->bgw_extra, sizeof(reservation));
    pqsignal(SIGTERM, die);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();

    before_shmem_exit(worker::stop, 0);
    if (!pg::worker_started(reservation)) proc_exit(0);
    BackgroundWorkerInitializeConnectionByOid(reservation.database, InvalidOid, 0);
    worker::prepare_settings();
    pg::worker_connected();
    pgstat_report_activity(STATE_IDLE, nullptr);
    MemoryContext context =
        AllocSetContextCreate(TopMemoryContext, "cache_ext worker", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(context);

    TimestampTz idle_since = 0;  // 0: it has only looked
    for (;;) {
        // It was for a task that has ended meanwhile.
        QueryCancelPending = false;
        CHECK_FOR_INTERRUPTS();
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        }
        // Others would have to throw their messages away.
        if (catchupInterruptPending) ProcessCatchupInterrupt();
        if (pg::worker_gives_way()) break;
        static pg::Task task;
        if (pg::take_task(&task)) {
            worker::do_task(task);
            MemoryContextSwitchTo(context);
            MemoryContextReset(context);
            if (task.kind != pg::TaskKind::kLook) idle_since = GetCurrentTimestamp();
            // What one owner's loader has set would keep another's from being published.
            if (pg::settings_cannot_be_hidden()) break;
            continue;
        }
        const TimestampTz end =
            TimestampTzPlusMilliseconds(idle_since, worker::kIdleNaps * pg::settings.naptime_ms);
        const long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);
        if (idle_since == 0 || left <= 0 || pg::worker_surplus()) break;
        worker::wait(left);
    }
    proc_exit(0);
}
