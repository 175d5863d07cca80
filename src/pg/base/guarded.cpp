#include "pg/base/guarded.hpp"

#include "pg/base/compat.hpp"

#include <csignal>

extern "C" {
#include "access/relation.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/resowner.h"
#include "utils/timeout.h"
}

namespace cache_ext::pg {
namespace {

// --- cancels ---
//
// Whoever cancels means the transaction, or the procedure that goes on after its COMMIT, not us. So
// while we work the signal is noted down as well, and what it asks for is asked for again at the
// end.

volatile sig_atomic_t cancelled = 0;
volatile sig_atomic_t statement_timed_out = 0;  // it came from statement_timeout
struct sigaction usual = {};

bool is_handler(const struct sigaction& action) {
    return (action.sa_flags & SA_SIGINFO) != 0 ||
           (action.sa_handler != SIG_IGN && action.sa_handler != SIG_DFL);
}

void note_cancel(int signal_number, siginfo_t* information, void* context) {
    const int saved = errno;
    // Our own lock_timeout comes by the same signal.
    if (!get_timeout_indicator(LOCK_TIMEOUT, false)) {
        cancelled = 1;
        if (get_timeout_indicator(STATEMENT_TIMEOUT, false)) statement_timed_out = 1;
    }
    if ((usual.sa_flags & SA_SIGINFO) != 0) {
        usual.sa_sigaction(signal_number, information, context);
    } else {
        usual.sa_handler(signal_number);
    }
    errno = saved;
}

void begin_keeping_cancels() {
    cancelled = 0;
    statement_timed_out = 0;
    // Not by pqsignal(): from 17 on it puts a handler in front of the one that it is given, and
    // says no more which there was.
    sigaction(SIGINT, nullptr, &usual);
    if (is_handler(usual)) {
        struct sigaction ours = usual;
        ours.sa_flags |= SA_SIGINFO;
        ours.sa_sigaction = note_cancel;
        sigaction(SIGINT, &ours, nullptr);
    }
    if (!QueryCancelPending) return;
    cancelled = 1;
    if (get_timeout_indicator(STATEMENT_TIMEOUT, false)) statement_timed_out = 1;
    QueryCancelPending = false;
}

// Our own timeouts must not outlive the work: whatever is pending of them when interrupts are
// allowed again would cancel what the user does.
void time_is_up() {
    InterruptPending = true;
    QueryCancelPending = true;
    SetLatch(MyLatch);
}

TimeoutId work_timeout() {
    static bool registered = false;
    static TimeoutId timeout;
    if (!registered) {
        timeout = RegisterTimeout(USER_TIMEOUT, time_is_up);
        registered = true;
    }
    return timeout;
}

void give_cancels_back() {
    QueryCancelPending = false;  // of a timeout of our own
    get_timeout_indicator(LOCK_TIMEOUT, true);
    if (cancelled != 0) {
        // Our error has used the timeout up; it makes the message say why.
        if (statement_timed_out != 0) {
            enable_timeout_at(STATEMENT_TIMEOUT, GetCurrentTimestamp());
        }
        InterruptPending = true;
        QueryCancelPending = true;
    }
    sigaction(SIGINT, &usual, nullptr);
}

}  // namespace

void swallow_error(const char* failure) {
    ErrorData* error = CopyErrorData();
    FlushErrorState();
    ereport(LOG, (errmsg("cache_ext: %s", failure), errdetail_internal("%s", error->message)));
    FreeErrorData(error);
}

// Two subtransactions, one in the other: a rollback into the transaction itself, which is in the
// middle of COMMIT or PREPARE TRANSACTION, is more than RollbackAndReleaseCurrentSubTransaction()
// is prepared for (it asserts a parent in progress). A release is not.
//
// Interrupts wait from the end of the work until what is pending is the user's again: an error in
// between would be the user's.
bool guarded(void (*work)(void*), void* argument, const char* failure, int timeout_ms) {
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    volatile bool ok = true;
    begin_keeping_cancels();
    const HeldTimeout held = hold_transaction_timeout();
    BeginInternalSubTransaction(nullptr);
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(context);
    PG_TRY();
    {
        // The rollback undoes it.
        set_config_option("lock_timeout", "1", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                          false);
        if (timeout_ms > 0) enable_timeout_after(work_timeout(), timeout_ms);
        work(argument);
        HOLD_INTERRUPTS();
    }
    PG_CATCH();
    {
        HOLD_INTERRUPTS();
        MemoryContextSwitchTo(context);
        swallow_error(failure);
        ok = false;
    }
    PG_END_TRY();
    if (timeout_ms > 0) disable_timeout(work_timeout(), false);
    RollbackAndReleaseCurrentSubTransaction();
    ReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
    release_transaction_timeout(held);
    give_cancels_back();
    RESUME_INTERRUPTS();
    return ok;
}

void lock_alone_without_waiting(Oid relation) {
    if (ConditionalLockRelationOid(relation, AccessShareLock)) return;
    const char* name = get_rel_name(relation);
    ereport(ERROR,
            (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
             errmsg("somebody has locked relation \"%s\"", name != nullptr ? name : "unknown")));
}

void lock_without_waiting(Oid relation) {
    lock_alone_without_waiting(relation);
    Relation table = try_relation_open(relation, NoLock);
    if (table == nullptr) return;
    List* indexes = table->rd_rel->relhasindex ? RelationGetIndexList(table) : NIL;
    ListCell* cell;
    foreach (cell, indexes) lock_alone_without_waiting(lfirst_oid(cell));
    list_free(indexes);
    relation_close(table, NoLock);
}

}  // namespace cache_ext::pg
