#include "pg/catalog/counters.hpp"

#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/tally.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"

namespace cache_ext::pg {

using core::Bypass;

void count(const Definition* d, core::Counter counter, uint64 n) {
    if (innermost_tally != nullptr) tally(d, counter, n);
    if (settings.track && store_ready() && d->session->index != core::kNoCache) {
        store().control(d->session->index)->counters.add(stripe(), counter, n);
    }
}

void count_hit(const Definition* d, bool stale, const Key& key, uint32 load_us) {
    const core::Counter counter = stale ? core::Counter::kStaleHits : core::Counter::kHits;
    if (innermost_tally != nullptr) tally(d, counter, 1);
    if (!settings.track) return;
    core::Counters& counters = store().control(d->session->index)->counters;
    counters.add(stripe(), counter);
    counters.add(stripe(), core::Counter::kSavedMicros, load_us);
    if (!core::in_sample(key.view.hash)) return;
    counters.add(stripe(), core::Counter::kSampleHits);
    counters.add(stripe(), core::Counter::kSampleMicros, load_us);
}

void count_bypass(const Definition* d, Bypass reason) {
    if (innermost_tally != nullptr) tally_bypass(d, reason);
    // In recovery no control block is made: it could not know the primary's prepared transactions.
    if (!settings.track || !store_ready() || RecoveryInProgress()) return;
    if (control_block(d) == core::kNoCache) return;
    store().control(d->session->index)->counters.bypassed(stripe(), reason);
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
        case Bypass::kUntracked:
            return "the loader reads what cannot be tracked";
        case Bypass::kVolatileFunction:
            return "the loader calls a VOLATILE function";
        case Bypass::kTrackCounts:
            return "track_counts is off";
        case Bypass::kNewlyTracked:
            return "the loader has read a table that was not tracked before";
        case Bypass::kOtherPeriod:
            return "the value holds for another time than now";
        case Bypass::kPolicies:
            return "row-level security of the table applies to the owner of the cache";
        case Bypass::kNoAmount:
            return "an aggregate is NaN or too large to be kept";
        case Bypass::kDetaching:
            return "a partition of the table is being detached CONCURRENTLY";
        case Bypass::kNotWorthIt:
            return "filling the cache has cost more than it saved";
        case Bypass::kNoTrackingRoom:
            return "more tables to be tracked than cache_ext.max_tracked_relations allows";
        case Bypass::kOutdatedPath:
            return "what a key query or a loader reads is not known to be what it read when it was "
                   "declared";
        case Bypass::kTemporary:
            return "the loader met a temporary object of the session";
        case Bypass::kSessionError:
            return "a timeout, a cancel or a lack of resources came up while the loader ran";
        case Bypass::kSessionInput:
            return "the loader asks for a setting or a role of the session that is no part of the "
                   "key";
        case Bypass::kSessionSetting:
            return "the loader looked at something that only this session has";
        case Bypass::kCollation:
            return "a key argument has a collation of its own";
        case Bypass::kLostDependencies:
            return "its dependencies are not those that were declared: declare the cache anew";
        case Bypass::kNone:
            break;
    }
    return "";
}

}  // namespace cache_ext::pg
