// One task, one transaction. Between tasks there is none, so no snapshot is held.
#include "worker/workers.hpp"

#include "pg/load/session_inputs.hpp"
#include "pg/read/read.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/key_text.hpp"

extern "C" {
#include "pgstat.h"
#include "utils/backend_status.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::worker {

namespace {

// Shows what is being done, in pg_stat_activity and in cache_workers.
void announce(const char* what, const pg::Definition* d, const char* key) {
    show_task(d, key);
    pgstat_report_activity(STATE_RUNNING, psprintf("cache_ext %s: %s %s", what, d->name, key));
}

// The value is of a session that nobody can set up (any more). That is for its readers to find out,
// and for whoever looks at cache_stat.
bool is_for_readers(const pg::Task& task, const pg::Definition* d) {
    const char* why = pg::left_to_readers(d, task.view());
    if (why == nullptr) return false;
    left_to_readers(task, psprintf("refresh left to readers: %s", why));
    return true;
}

pg::Outcome refresh(const pg::Task& task, const pg::Definition* d) {
    // It has expired: the next reader loads it.
    if (d->loader_name == nullptr || pg::now_ms() >= task.deadline) return pg::Outcome::kNothing;
    if (is_for_readers(task, d)) return pg::Outcome::kNothing;
    if (!task.claimed && !pg::claim_for_task()) return pg::Outcome::kNothing;
    Datum values[pg::kMaxKeyColumns];
    bool nulls[pg::kMaxKeyColumns];
    pg::decode_key(task.key, d->columns, d->key_types, values, nulls);
    announce("refresh", d, pg::shown_key(task.key, d->columns, d->key_types));
    pg::ReadRequest request = {d, values, nulls};
    request.fresh = true;
    const core::KeyView key = task.view();
    request.like = &key;
    if (!pg::read_value(request).published) return pg::Outcome::kFailed;
    count(task, core::Counter::kRefreshes);
    return pg::Outcome::kDone;
}

pg::Outcome work(const pg::Task& task) {
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

void do_task(const pg::Task& task) {
    MemoryContext context = CurrentMemoryContext;
    volatile pg::Outcome outcome = pg::Outcome::kFailed;
    SetCurrentStatementStartTimestamp();
    PG_TRY();
    {
        limit_time(nullptr);
        StartTransactionCommand();
        PushActiveSnapshot(GetTransactionSnapshot());
        outcome = work(task);
        unlimit_time();
        PopActiveSnapshot();
        CommitTransactionCommand();
    }
    PG_CATCH();
    {
        task_failed(task, context);
        outcome = pg::Outcome::kFailed;
    }
    PG_END_TRY();
    pg::finish_task(outcome);
    pgstat_report_stat(true);
    pgstat_report_activity(STATE_IDLE, nullptr);
}

}  // namespace cache_ext::worker
