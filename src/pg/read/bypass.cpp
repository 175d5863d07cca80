#include "pg/read/bypass.hpp"

#include "pg/write/changes.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/counters.hpp"
#include "pg/write/own_writes.hpp"
#include "pg/write/path_checks.hpp"
#include "pg/load/run.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"

extern "C" {
#include "access/parallel.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {

using core::Bypass;

namespace {

// Reasons that need neither key nor snapshot; kNone: none.
Bypass bypass_for_session() {
    if (!store_ready()) return Bypass::kNotPreloaded;
    if (!settings.enabled) return Bypass::kDisabled;
    if (RecoveryInProgress()) return Bypass::kRecovery;
    if (IsolationIsSerializable()) return Bypass::kSerializable;
    const SnapshotData* s = ActiveSnapshotSet() ? GetActiveSnapshot() : nullptr;
    if (s == nullptr || !IsMVCCSnapshot(s) || s->takenDuringRecovery) return Bypass::kSnapshotKind;
    if (committing()) return Bypass::kCommitting;
    return Bypass::kNone;
}

}  // namespace

Bypass bypass_for_lapse(const Definition* d) {
    switch (d->lapse) {
        case Lapse::kNone:
            break;
        case Lapse::kAsk:
            return key_queries_hold(d) ? Bypass::kNone : Bypass::kOutdatedPath;
        case Lapse::kDropped:
            return Bypass::kLostRelation;
        case Lapse::kRenamed:
        case Lapse::kHidden:
            return Bypass::kLostName;
        case Lapse::kForeign:
            return Bypass::kForeignPart;
        case Lapse::kPolicies:
            return Bypass::kPolicies;
        case Lapse::kIncomplete:
            return Bypass::kLostDependencies;
    }
    return Bypass::kNone;
}

Bypass bypass_reason(const Definition* d, const Key& key) {
    Bypass reason = bypass_for_session();
    // A parallel worker does not know what its leader has changed.
    if (reason == Bypass::kNone && TransactionIdIsValid(GetTopTransactionIdIfAny()) &&
        (IsParallelWorker() || changed_by_this_transaction(d, key))) {
        reason = Bypass::kOwnWrite;
    }
    if (reason == Bypass::kNone && d->loader_volatile) reason = Bypass::kVolatileLoader;
    if (reason == Bypass::kNone && d->lapse != Lapse::kNone) reason = bypass_for_lapse(d);
    return reason;
}

void require_publishing(const Definition* d, const char* what) {
    require_store(what);
    forbid_in_run(what);
    PreventCommandDuringRecovery(what);
    if (TransactionIdIsValid(GetTopTransactionIdIfAny())) {
        ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
                        errmsg("%s cannot run in a transaction that has written", what),
                        errhint("What it loads would be this transaction's own.")));
    }
    const Key any = {};
    Bypass reason = bypass_reason(d, any);
    if (reason == Bypass::kNone && control_block(d) == core::kNoCache) {
        reason = Bypass::kNoControlBlock;
    }
    if (reason == Bypass::kNone) return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("%s can publish nothing in cache \"%s\"", what, d->name),
                    errdetail("Reason: %s.", bypass_text(reason))));
}

bool own_write_anywhere() {
    return TransactionIdIsValid(GetTopTransactionIdIfAny()) && changed_something_cached();
}

}  // namespace cache_ext::pg
