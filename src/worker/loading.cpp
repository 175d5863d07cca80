// Synchronising and warming in a worker. A sync is one transaction; warming takes a transaction per
// batch, so it holds no snapshot for long, and gives up on a batch whose loader fails.
#include "pg/base/compat.hpp"
#include "pg/catalog/loading_state.hpp"
#include "pg/pool/looks.hpp"
#include "pg/base/settings.hpp"
#include "pg/ahead/sync.hpp"
#include "pg/ahead/warm.hpp"
#include "worker/workers.hpp"

extern "C" {
#include "pgstat.h"
#include "utils/backend_status.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::worker {
namespace {

constexpr int kMostFailures = 3;  // of batches in a row, then the rest waits for a retry
constexpr core::Millis kLookAgainMs = 60000;  // for an idle moment

void begin() {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
}

void end() {
    unlimit_time();
    PopActiveSnapshot();
    CommitTransactionCommand();
}

// Sessions of this database that are at work just now. One that does not track its activities does
// not count.
int active_sessions() {
    int active = 0;
    pgstat_clear_backend_activity_snapshot();
    for (int i = 1, n = pgstat_fetch_stat_numbackends(); i <= n; ++i) {
        const PgBackendStatus& s = *pg::backend_status(i);
        if (s.st_backendType == B_BACKEND && s.st_databaseid == MyDatabaseId &&
            s.st_state == STATE_RUNNING) {
            ++active;
        }
    }
    pgstat_clear_backend_activity_snapshot();
    return active;
}

void announce(const char* what, const pg::Definition* d, const pg::WarmKeys& keys,
              const pg::WarmProgress& progress) {
    pg::show_progress(progress.next, keys.count);
    pgstat_report_activity(STATE_RUNNING, psprintf("cache_ext %s: %s, %u of %u keys", what, d->name,
                                                   progress.next, keys.count));
}

// Loads the keys, a transaction per batch. *d may be another one in the end; nullptr: it was
// dropped. False: too many batches have failed.
bool load_batches(const char* what, const pg::Task& task, const pg::Definition** d,
                  const pg::WarmKeys& keys, pg::WarmProgress* progress) {
    volatile int failures = 0;
    while (*d != nullptr && failures < kMostFailures) {
        announce(what, *d, keys, *progress);
        volatile bool failed = false;
        volatile bool more = false;
        PG_TRY();
        {
            limit_time(*d);
            more = pg::warm_batch(*d, keys, progress);
            end();
        }
        PG_CATCH();
        {
            task_failed(task, keys.context);
            failed = true;
        }
        PG_END_TRY();
        failures = failed ? failures + 1 : 0;
        more = more || (failed && progress->next < keys.count);
        CHECK_FOR_INTERRUPTS();
        begin();
        *d = pg::find_definition_by_id(task.cache_id);
        if (*d != nullptr && !pg::can_warm(*d)) *d = nullptr;
        if (!more) return failures == 0 && !progress->blocked;
    }
    return *d == nullptr;
}

pg::Outcome load_keys(const char* what, const pg::Task& task, const pg::Definition* d,
                      pg::WarmKeys keys) {
    pg::WarmProgress progress = {};
    const bool loaded = keys.count == 0 || load_batches(what, task, &d, keys, &progress);
    MemoryContextDelete(keys.context);
    if (d == nullptr) return pg::Outcome::kNothing;
    if (progress.left > 0) {
        left_to_readers(task, psprintf("%u keys of a %s left to readers: %s", progress.left, what,
                                       progress.left_because));
    }
    if (loaded) {
        pg::note_warm(d, progress.loaded);
    } else if (progress.blocked) {
        pg::note_warm_part(d, progress.loaded);
    } else {
        pg::note_warm_error(d, progress.loaded);
    }
    return loaded ? pg::Outcome::kDone : pg::Outcome::kFailed;
}

// Keys outlive transactions. One set at a time: what an error has left behind goes now.
MemoryContext keys_context() {
    static MemoryContext context = nullptr;
    if (context == nullptr) {
        context =
            AllocSetContextCreate(TopMemoryContext, "cache_ext warming", ALLOCSET_SMALL_SIZES);
    }
    MemoryContextReset(context);
    return context;
}

}  // namespace

pg::Outcome sync(const pg::Task&, const pg::Definition* d) {
    if (!OidIsValid(d->load_all)) return pg::Outcome::kNothing;
    show_task(d, "");
    pgstat_report_activity(STATE_RUNNING, psprintf("cache_ext sync: %s", d->name));
    pg::sync_cache(d);
    return pg::Outcome::kDone;
}

pg::Outcome warm(const pg::Task& task, const pg::Definition* d) {
    if (!pg::can_warm(d)) return pg::Outcome::kNothing;
    show_task(d, "");
    if (d->warm_when_idle && active_sessions() >= pg::settings.idle_below) {
        pg::set_next_warm(d, pg::now_ms() + kLookAgainMs);
        pg::request_look(MyDatabaseId);
        return pg::Outcome::kNothing;
    }
    return load_keys("warm", task, d, pg::collect_warm_keys(d, 0, keys_context()));
}

pg::Outcome reload(const pg::Task& task, const pg::Definition* d) {
    if (!pg::can_warm(d)) return pg::Outcome::kNothing;
    show_task(d, "");
    // What is invalidated from here on asks for another reload; what was before is seen.
    pg::reload_begins(d);
    PopActiveSnapshot();
    PushActiveSnapshot(GetTransactionSnapshot());
    core::Millis left_until = core::kNever;
    const pg::WarmKeys keys = pg::collect_invalidated_keys(d, keys_context(), &left_until);
    if (left_until != core::kNever) {
        pg::set_reload_from(d, left_until);
        pg::request_look(MyDatabaseId);
    }
    return load_keys("reload", task, d, keys);
}

}  // namespace cache_ext::worker
