// One task, one transaction. Between tasks there is none, so no snapshot is held.
#include "worker/workers.hpp"

#include "pg/read.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/unruly.hpp"

extern "C" {
#include "pgstat.h"
#include "utils/backend_status.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"
}

namespace cache_ext::worker {

using core::Counter;

// Of a cache that is still there; a look is of none.
static bool has_cache(const pg::Task& task) {
    return task.cache_id != 0 && pg::store().is(task.index, task.cache_id);
}

void count(const pg::Task& task, Counter counter) {
    if (has_cache(task)) pg::store().control(task.index)->counters.add(pg::stripe(), counter);
}

// The smaller of the limits of the server and of the cache; 0: none.
void limit_time(const pg::Definition* d) {
    int64 limit = d == nullptr ? 0 : std::max<int64>(d->load_timeout_ms, 0);
    if (pg::settings.refresh_timeout_ms > 0 &&
        (limit == 0 || pg::settings.refresh_timeout_ms < limit)) {
        limit = pg::settings.refresh_timeout_ms;
    }
    pg::watch_task(d, limit);
    if (limit > 0) {
        enable_timeout_after(STATEMENT_TIMEOUT, static_cast<int>(std::min<int64>(limit, INT_MAX)));
    }
}

void unlimit_time() {
    disable_timeout(STATEMENT_TIMEOUT, false);
    pg::unwatch_task();
    QueryCancelPending = false;  // it may have struck after the last place that looks
}

namespace {

// Shows what is being done, in pg_stat_activity and in cache_workers.
void announce(const char* what, const pg::Definition* d, const char* key) {
    pg::show_task(d, key);
    pgstat_report_activity(STATE_RUNNING, psprintf("cache_ext %s: %s %s", what, d->name, key));
}

pg::Outcome refresh(const pg::Task& task, const pg::Definition* d) {
    // It has expired: the next reader loads it.
    if (d->loader_name == nullptr || pg::now_ms() >= task.deadline) return pg::Outcome::kNothing;
    if (!task.claimed) {
        if (!pg::store().claim_refresh(task.index, task.view())) return pg::Outcome::kNothing;
        pg::note_claimed();
    }
    Datum values[pg::kMaxKeyColumns];
    bool nulls[pg::kMaxKeyColumns];
    pg::decode_key(task.key, d->columns, d->key_types, values, nulls);
    announce("refresh", d, pg::shown_key(task.key, d->columns, d->key_types));
    pg::ReadRequest request = {d, values, nulls};
    request.fresh = true;
    if (!pg::read_value(request).published) return pg::Outcome::kFailed;
    count(task, Counter::kRefreshes);
    return pg::Outcome::kDone;
}

pg::Outcome work(const pg::Task& task) {
    limit_time(nullptr);
    if (task.kind == pg::TaskKind::kLook) {
        pgstat_report_activity(STATE_RUNNING, "cache_ext look");
        look();
        return pg::Outcome::kDone;
    }
    const pg::Definition* d = pg::find_definition_by_id(task.cache_id);
    if (d == nullptr || d->broken || !has_cache(task)) return pg::Outcome::kNothing;
    limit_time(d);
    switch (task.kind) {
        case pg::TaskKind::kRefresh:
            return refresh(task, d);
        case pg::TaskKind::kSync:
            return sync(task, d);
        case pg::TaskKind::kWarm:
            return warm(task, d);
        case pg::TaskKind::kReload:
            return reload(task, d);
        default:
            return pg::Outcome::kNothing;
    }
}

}  // namespace

void loading_failed(const pg::Task& task, MemoryContext context) {
    unlimit_time();
    MemoryContextSwitchTo(context);
    HOLD_INTERRUPTS();
    ErrorData* error = CopyErrorData();
    FlushErrorState();
    AbortCurrentTransaction();
    if (pg::told_to_stop()) {
        ereport(DEBUG1, (errmsg("cache_ext: a %s was stopped", pg::name_of(task.kind))));
    } else {
        count(task, Counter::kErrors);
        if (has_cache(task)) pg::store().set_last_error(task.index, error->message);
        uint32 before;
        if (pg::should_log(task, &before)) {
            ereport(
                LOG,
                (errmsg("cache_ext: a %s failed: %s", pg::name_of(task.kind), error->message),
                 before == 0 ? 0
                             : errdetail("So did %u others of the cache since the last of these "
                                         "messages.",
                                         before)));
        }
    }
    FreeErrorData(error);
    RESUME_INTERRUPTS();
}

void do_task(const pg::Task& task) {
    MemoryContext context = CurrentMemoryContext;
    volatile pg::Outcome outcome = pg::Outcome::kFailed;
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
    PG_TRY();
    {
        outcome = work(task);
        unlimit_time();
        PopActiveSnapshot();
        CommitTransactionCommand();
    }
    PG_CATCH();
    {
        loading_failed(task, context);
        outcome = pg::Outcome::kFailed;
    }
    PG_END_TRY();
    pg::finish_task(outcome);
    pgstat_report_stat(true);
    pgstat_report_activity(STATE_IDLE, nullptr);
}

}  // namespace cache_ext::worker
