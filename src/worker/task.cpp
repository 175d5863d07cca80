// What every kind of task does: its time is limited, it is counted and shown, and may fail.
#include "worker/workers.hpp"

#include "pg/pool/conduct.hpp"
#include "pg/pool/dropped_work.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/pool/unruly.hpp"

extern "C" {
#include "postmaster/postmaster.h"
#include "utils/timeout.h"
}

namespace cache_ext::worker {

using core::Counter;

pg::TaskCache task_cache(const pg::Definition* d) {
    return {d->id, d->session->index, d->owner, d->priority};
}

void show_task(const pg::Definition* d, const char* key) {
    pg::show_task(d->owner, d->name, key);
}

bool has_cache(const pg::Task& task) {
    return task.cache_id != 0 && pg::store().is(task.index, task.cache_id);
}

void count(const pg::Task& task, Counter counter) {
    if (has_cache(task)) pg::store().control(task.index)->counters.add(pg::stripe(), counter);
}

void left_to_readers(const pg::Task& task, const char* message) {
    if (!has_cache(task)) return;
    count(task, Counter::kErrors);
    pg::store().set_last_error(task.index, message);
}

void limit_time(const pg::Definition* d) {
    // The smaller of the limits of the server and of the cache; 0: none.
    int64 limit = d == nullptr ? 0 : std::max<int64>(d->load_timeout_ms, 0);
    if (pg::settings.refresh_timeout_ms > 0 &&
        (limit == 0 || pg::settings.refresh_timeout_ms < limit)) {
        limit = pg::settings.refresh_timeout_ms;
    }
    // What is done for no cache is soon done.
    if (d == nullptr && limit == 0) limit = int64{AuthenticationTimeout} * 1000;
    disable_timeout(STATEMENT_TIMEOUT, false);
    pg::watch_task(d == nullptr ? 0 : fingerprint_of(d), limit);
    if (limit > 0) {
        enable_timeout_after(STATEMENT_TIMEOUT, static_cast<int>(std::min<int64>(limit, INT_MAX)));
    }
}

void unlimit_time() {
    disable_timeout(STATEMENT_TIMEOUT, false);
    pg::unwatch_task();
    QueryCancelPending = false;  // it may have struck after the last place that looks
}

void task_failed(const pg::Task& task, MemoryContext context) {
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

}  // namespace cache_ext::worker
