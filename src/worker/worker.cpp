// A worker refreshes the values of one database: it runs loaders as their owners and publishes what
// they return. It ends when it has had nothing to do for a while.
#include "pg/tasks.hpp"

#include "pg/read.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "worker/workers.hpp"

extern "C" {
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
#include "utils/wait_event.h"

PGDLLEXPORT void cache_ext_worker_main(Datum argument);
}

namespace cache_ext::worker {
namespace {

using core::Counter;

constexpr int kIdleRounds = 6;            // of cache_ext.naptime, then the worker ends
constexpr core::Millis kRetryMs = 10000;  // after a loader has failed
constexpr uint32 kSweepEntries = 2000;    // looked at under one lock

void stop(int, Datum database) {
    pg::worker_stopped(DatumGetObjectId(database));
}

void count(core::CacheIndex index, uint64 id, Counter counter) {
    if (pg::store().is(index, id)) {
        pg::store().control(index)->counters.add(pg::stripe(), counter);
    }
}

void refresh(const pg::RefreshTask& task) {
    const pg::Definition* d = pg::find_definition_by_id(task.cache_id);
    if (d == nullptr || d->broken || d->loader_name == nullptr) return;
    Datum values[pg::kMaxKeyColumns];
    bool nulls[pg::kMaxKeyColumns];
    pg::decode_key(task.key, d->columns, d->key_types, values, nulls);
    pgstat_report_activity(STATE_RUNNING,
                           psprintf("cache_ext refresh: %s %s", d->name,
                                    pg::key_text(task.key, d->columns, d->key_types)));
    pg::ReadRequest request = {d, values, nulls};
    request.fresh = true;
    if (pg::read_value(request).published) {
        count(task.index, task.cache_id, Counter::kRefreshes);
    } else {
        pg::store().release_refresh_claim(task.index, task.view(), kRetryMs);
    }
}

// One task, one transaction; a failing loader costs nothing but its own refresh.
void run(const pg::RefreshTask& task) {
    MemoryContext context = CurrentMemoryContext;
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
    PG_TRY();
    {
        if (pg::settings.refresh_timeout_ms > 0) {
            enable_timeout_after(STATEMENT_TIMEOUT, pg::settings.refresh_timeout_ms);
        }
        refresh(task);
        disable_timeout(STATEMENT_TIMEOUT, false);
        PopActiveSnapshot();
        CommitTransactionCommand();
    }
    PG_CATCH();
    {
        disable_timeout(STATEMENT_TIMEOUT, false);
        MemoryContextSwitchTo(context);
        HOLD_INTERRUPTS();
        ErrorData* error = CopyErrorData();
        FlushErrorState();
        AbortCurrentTransaction();
        count(task.index, task.cache_id, Counter::kErrors);
        if (pg::store().is(task.index, task.cache_id)) {
            pg::store().set_last_error(task.index, error->message);
            pg::store().release_refresh_claim(task.index, task.view(), kRetryMs);
        }
        ereport(LOG, (errmsg("cache_ext: a refresh failed: %s", error->message)));
        FreeErrorData(error);
        RESUME_INTERRUPTS();
    }
    PG_END_TRY();
    pgstat_report_activity(STATE_IDLE, nullptr);
}

// Frees what has expired and nobody asks for any more, a partition per round.
void sweep() {
    static uint32 partition = 0;
    uint32 cursor = 0;
    do {
        pg::store().sweep(partition, &cursor, kSweepEntries);
    } while (cursor != 0);
    partition = (partition + 1) % core::kPartitions;
}

}  // namespace
}  // namespace cache_ext::worker

extern "C" void cache_ext_worker_main(Datum argument) {
    using namespace cache_ext;
    const Oid database = DatumGetObjectId(argument);
    pqsignal(SIGTERM, die);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();

    // Before connecting: whoever drops the database waits for what is in the slot.
    before_shmem_exit(worker::stop, argument);
    if (!pg::worker_started(database)) proc_exit(0);
    BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
    pgstat_report_activity(STATE_IDLE, nullptr);
    MemoryContext context =
        AllocSetContextCreate(TopMemoryContext, "cache_ext worker", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(context);

    for (int idle = 0; idle < worker::kIdleRounds;) {
        CHECK_FOR_INTERRUPTS();
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        }
        pg::RefreshTask task;
        if (pg::take_task(database, &task)) {
            worker::run(task);
            MemoryContextSwitchTo(context);
            MemoryContextReset(context);
            idle = 0;
            continue;
        }
        const int woken = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
                                    pg::settings.naptime_ms, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        if ((woken & WL_TIMEOUT) != 0) {
            worker::sweep();
            ++idle;
        }
    }
    proc_exit(0);
}
