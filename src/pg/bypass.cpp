#include "pg/bypass.hpp"

#include "pg/changes.hpp"
#include "pg/path_checks.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"

extern "C" {
#include "access/parallel.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {

using core::Bypass;

namespace {

// Reasons that need neither key nor snapshot; kCount: none.
Bypass bypass_for_session() {
    if (!shared_ready()) return Bypass::kNotPreloaded;
    if (!settings.enabled) return Bypass::kDisabled;
    if (RecoveryInProgress()) return Bypass::kRecovery;
    if (IsolationIsSerializable()) return Bypass::kSerializable;
    const SnapshotData* s = ActiveSnapshotSet() ? GetActiveSnapshot() : nullptr;
    if (s == nullptr || !IsMVCCSnapshot(s) || s->takenDuringRecovery) return Bypass::kSnapshotKind;
    if (committing()) return Bypass::kCommitting;
    return Bypass::kCount;
}

}  // namespace

Bypass bypass_for_lapse(const Definition* d) {
    switch (d->lapse) {
        case Lapse::kNone:
            break;
        case Lapse::kAsk:
            return key_queries_hold(d) ? Bypass::kCount : Bypass::kOutdatedPath;
        case Lapse::kDropped:
            return Bypass::kLostRelation;
        case Lapse::kRenamed:
        case Lapse::kHidden:
            return Bypass::kLostName;
        case Lapse::kForeign:
            return Bypass::kForeignPart;
        case Lapse::kIncomplete:
            return Bypass::kLostDependencies;
    }
    return Bypass::kCount;
}

void count(const Definition* d, core::Counter counter, uint64 n) {
    if (settings.track && shared_ready() && d->index != core::kNoCache) {
        store().control(d->index)->counters.add(stripe(), counter, n);
    }
}

void count_hit(const Definition* d, bool stale, uint32 load_us) {
    if (!settings.track) return;
    core::Counters& counters = store().control(d->index)->counters;
    counters.add(stripe(), stale ? core::Counter::kStaleHits : core::Counter::kHits);
    counters.add(stripe(), core::Counter::kSavedMicros, load_us);
}

void count_bypass(const Definition* d, Bypass reason) {
    // In recovery no control block is made: it could not know the primary's prepared transactions.
    if (!settings.track || !shared_ready() || RecoveryInProgress()) return;
    if (control_block(d) == core::kNoCache) return;
    store().control(d->index)->counters.bypassed(stripe(), reason);
}

Bypass bypass_reason(const Definition* d, const Key& key) {
    Bypass reason = bypass_for_session();
    // A parallel worker does not know what its leader has changed.
    if (reason == Bypass::kCount && TransactionIdIsValid(GetTopTransactionIdIfAny()) &&
        (IsParallelWorker() || changed_by_this_transaction(d, key))) {
        reason = Bypass::kOwnWrite;
    }
    if (reason == Bypass::kCount && d->loader_volatile) reason = Bypass::kVolatileLoader;
    if (reason == Bypass::kCount && d->lapse != Lapse::kNone) reason = bypass_for_lapse(d);
    return reason;
}

bool own_write_anywhere() {
    return TransactionIdIsValid(GetTopTransactionIdIfAny()) && changed_something_cached();
}

const char* bypass_text(Bypass reason) {
    switch (reason) {
        case Bypass::kDisabled:
            return "cache_ext.enabled is off";
        case Bypass::kNotPreloaded:
            return "cache_ext is not in shared_preload_libraries";
        case Bypass::kRecovery:
            return "the server is in recovery";
        case Bypass::kSerializable:
            return "the transaction is SERIALIZABLE";
        case Bypass::kSnapshotKind:
            return "the active snapshot is not an MVCC snapshot";
        case Bypass::kOwnWrite:
            return "this transaction changed what the value depends on";
        case Bypass::kCommitting:
            return "this transaction is committing";
        case Bypass::kOldSnapshot:
            return "the snapshot is older than a writer that it would have to judge";
        case Bypass::kUnseenWriters:
            return "too many writers of the key are in progress";
        case Bypass::kNested:
            return "read inside another cache's loader";
        case Bypass::kOversized:
            return "the value is larger than the cache";
        case Bypass::kNoMemory:
            return "no memory could be evicted";
        case Bypass::kNoControlBlock:
            return "more caches in use than cache_ext.max_caches, or its owner's or database's "
                   "part of it, allows";
        case Bypass::kTransactionWrote:
            return "a transaction that has written never publishes";
        case Bypass::kExpiredAtOnce:
            return "the value was older than its ttl when it was complete";
        case Bypass::kRedefinition:
            return "a change of what the loader is made of is just being committed";
        case Bypass::kVolatileLoader:
            return "the loader is VOLATILE";
        case Bypass::kLostRelation:
            return "a table that the cache depends on was dropped: declare the cache anew";
        case Bypass::kLostName:
            return "a table that the cache depends on has lost its name: declare the dependency "
                   "again";
        case Bypass::kForeignPart:
            return "a table that the cache depends on has a partition or child on a foreign server";
        case Bypass::kOutdatedPath:
            return "what a key query reads is not known to be what it read when it was declared";
        case Bypass::kTemporary:
            return "the loader met a temporary object of the session";
        case Bypass::kSessionError:
            return "a timeout, a cancel or a lack of resources came up while the loader ran";
        case Bypass::kSessionSetting:
            return "the loader looked at a setting that only this session has";
        case Bypass::kCollation:
            return "a key argument has a collation of its own";
        case Bypass::kLostDependencies:
            return "some of its dependencies were not restored: declare the cache anew";
        case Bypass::kCount:
            break;
    }
    return "";
}

}  // namespace cache_ext::pg
