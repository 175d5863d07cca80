#include "pg/sql/batches.hpp"

#include "core/backoff.hpp"
#include "pg/base/compat.hpp"

extern "C" {
#include "access/xact.h"
#include "common/pg_prng.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}

namespace cache_ext::pg {
namespace {

constexpr core::Backoff kPause = {50, 2000};

// As in an exception handler of PL/pgSQL, and what an operator asks for.
bool ends_all(const ErrorData& error) {
    return error.sqlerrcode == ERRCODE_ASSERT_FAILURE ||
           ERRCODE_TO_CATEGORY(error.sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION;
}

bool may_pass(int code) {
    return code == ERRCODE_T_R_SERIALIZATION_FAILURE || code == ERRCODE_T_R_DEADLOCK_DETECTED ||
           code == ERRCODE_LOCK_NOT_AVAILABLE || code == ERRCODE_OBJECT_IN_USE;
}

void note_failure(const Batches& b, uint32 key, const ErrorData& error) {
    KeyReport& report = b.reports[key];
    report.outcome = "failed";
    strlcpy(report.sqlstate, unpack_sql_state(error.sqlerrcode), sizeof(report.sqlstate));
    report.message = MemoryContextStrdup(b.context, error.message);
}

// Runs the work for these keys; nullptr: done. Else the error, in CurrentMemoryContext.
ErrorData* attempt(const Batches& b, uint32 first, uint32 count) {
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    // Not the subtransaction's: its memory is kept until the transaction ends, if it succeeds.
    MemoryContext scratch =
        AllocSetContextCreate(context, "cache_ext batch", ALLOCSET_DEFAULT_SIZES);
    ErrorData* volatile error = nullptr;
    BeginInternalSubTransaction(nullptr);
    PG_TRY();
    {
        MemoryContextSwitchTo(scratch);
        PushActiveSnapshot(GetTransactionSnapshot());
        b.work(b.argument, first, count);
        PopActiveSnapshot();
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    MemoryContextDelete(scratch);
    CurrentResourceOwner = owner;
    // Not from within the subtransaction: nobody outside would end it.
    if (error != nullptr && ends_all(*error)) ReThrowError(error);
    return error;
}

void pause(int failures) {
    const core::Millis ms =
        kPause.delay(static_cast<uint32>(failures), pg_prng_double(&pg_global_prng_state));
    const TimestampTz until = GetCurrentTimestamp() + ms * 1000;
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        const long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);
        if (left <= 0) return;
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left,
                  wait_event(Wait::kRetry));
        ResetLatch(MyLatch);
    }
}

void run_one(const Batches& b, uint32 key) {
    for (int failures = 0;;) {
        const ErrorData* error = attempt(b, key, 1);
        if (error == nullptr) return;
        if (!may_pass(error->sqlerrcode) || failures == b.retries) {
            note_failure(b, key, *error);
            return;
        }
        pause(++failures);
    }
}

void show_progress(const Batches& b, uint32 done) {
    pgstat_report_activity(STATE_RUNNING,
                           psprintf("/* %u of %u keys */ %s", done, b.count,
                                    debug_query_string != nullptr ? debug_query_string : ""));
}

}  // namespace

void run_batches(const Batches& b) {
    MemoryContext scratch =
        AllocSetContextCreate(CurrentMemoryContext, "cache_ext batches", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(scratch);
    for (uint32 first = 0; first < b.count;) {
        CHECK_FOR_INTERRUPTS();
        show_progress(b, first);
        // A run of keys that are still to be done.
        uint32 count = 0;
        while (count < b.size && first + count < b.count &&
               b.reports[first + count].sqlstate[0] == '\0') {
            ++count;
        }
        if (count == 0) {
            ++first;
            continue;
        }
        if (count == 1 || attempt(b, first, count) != nullptr) {
            for (uint32 i = first; i < first + count; ++i) run_one(b, i);
        }
        first += count;
        MemoryContextReset(scratch);
    }
    pgstat_report_activity(STATE_RUNNING, debug_query_string);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(scratch);
}

}  // namespace cache_ext::pg
