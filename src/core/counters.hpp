// Counters of one cache, striped so that backends do not share cache lines.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/atomic.hpp"
#include "core/guard.hpp"

namespace cache_ext::core {

enum class Counter : std::uint8_t {
    kHits,
    kMisses,
    kBypasses,
    kStaleHits,
    kFills,
    kLoadMicros,
    kSavedMicros,
    kEvictions,
    kExpirations,
    kInvalidations,
    kRefreshes,
    kErrors,
    kOversized,
    kUntriggered,  // changed tables that only the check at commit noticed
    kWaits,        // reads that waited for another session's load
    kSpurious,     // invalidations that also kept other keys from being served
    kSampleHits,   // of all hits, those of keys in the sample (worth.hpp)
    kSampleMicros,
    kCount
};

// Why a read ran the loader although the cache might have had the value.
enum class Bypass : std::uint8_t {
    kDisabled,          // cache_ext.enabled is off
    kNotPreloaded,      // the library is not in shared_preload_libraries
    kRecovery,          // the server is in recovery
    kSerializable,      // a cached read would take no predicate locks
    kSnapshotKind,      // the active snapshot is not an MVCC snapshot
    kOwnWrite,          // this transaction changed what the value depends on
    kCommitting,        // this transaction has passed PRE_COMMIT
    kOldSnapshot,       // the snapshot cannot see a writer that it would have to judge
    kUnseenWriters,     // more writers in progress than an entry can remember
    kNested,            // a cache read inside a fill
    kOversized,         // larger than the cache may hold
    kNoMemory,          // nothing could be evicted for it
    kNoControlBlock,    // more caches than cache_ext.max_caches
    kTransactionWrote,  // a transaction that has written never publishes
    kExpiredAtOnce,     // older than its TTL when it was complete
    kVolatileLoader,    // ALTER FUNCTION made it take a snapshot per statement
    kLostRelation,      // a declared dependency was dropped: what replaces it has no triggers
    kLostDependencies,  // a restore has lost some: what they would have announced is not known
    kRedefinition,      // the messages of a hard writer that the snapshot sees are not all sent yet
    kLostName,          // a declared dependency's name is another relation's now, or nobody's
    kForeignPart,       // a declared dependency has a partition or child on a foreign server
    kOutdatedPath,      // a key query reads something else than it did when it was declared
    kTemporary,         // the loader met a temporary object of the session
    kSessionError,      // a timeout, a cancel or the like came up while the loader ran
    kSessionSetting,    // the loader looked at a setting that only this session has
    kCollation,         // a key argument has a collation of its own
    kUntracked,         // the loader reads what nobody can track
    kVolatileFunction,  // it calls a function that takes snapshots of its own, or is never the same
    kTrackCounts,       // track_counts is off: writers could not tell what they have changed
    kNewlyTracked,      // it has read a relation that was not tracked before
    kNoTrackingRoom,    // more relations than cache_ext.max_tracked_relations
    kOtherPeriod,       // its loader, or the cache, says that it does not hold now (any more)
    kSessionInput,      // its loader asks for something of the session that is no part of the key
    kPolicies,          // an aggregate of a table whose policies apply to the cache's owner
    kNoAmount,          // an aggregate that is NaN, or larger than 128 bits
    kDetaching,         // an aggregate of a table of which a partition is leaving, CONCURRENTLY
    kNotWorthIt,        // filling is paused: it has cost more than it saved (worth.hpp)
    kNone               // there is no reason; the last one, so also the number of reasons
};

inline constexpr std::uint32_t kCounters = static_cast<std::uint32_t>(Counter::kCount);
inline constexpr std::uint32_t kBypassReasons = static_cast<std::uint32_t>(Bypass::kNone);
inline constexpr std::uint32_t kStripes = 8;

// One stripe; all fields atomic, relaxed.
struct alignas(64) CounterStripe {
    std::uint64_t value[kCounters];
    std::uint64_t bypass[kBypassReasons];
};

struct CounterTotals {
    std::uint64_t value[kCounters];
    std::uint64_t bypass[kBypassReasons];

    std::uint64_t operator[](Counter c) const { return value[static_cast<std::uint32_t>(c)]; }
};

struct Counters {
    CounterStripe stripes[kStripes];

    // What names no counter is counted nowhere. Costs nothing where the counter is a constant.
    void add(std::uint32_t stripe, Counter counter, std::uint64_t n = 1) {
        const auto i = static_cast<std::uint32_t>(counter);
        if (sound(i < kCounters)) add_relaxed(stripes[stripe % kStripes].value[i], n);
    }
    void bypassed(std::uint32_t stripe, Bypass reason) {
        const auto i = static_cast<std::uint32_t>(reason);
        if (!sound(i < kBypassReasons)) return;
        CounterStripe& s = stripes[stripe % kStripes];
        add_relaxed(s.value[static_cast<std::uint32_t>(Counter::kBypasses)], 1);
        add_relaxed(s.bypass[i], 1);
    }
    std::uint64_t total(Counter counter) const {
        const auto i = static_cast<std::uint32_t>(counter);
        std::uint64_t n = 0;
        for (const CounterStripe& s : stripes) n += load_relaxed(s.value[i]);
        return n;
    }
    CounterTotals totals() const {
        CounterTotals t = {};
        for (const CounterStripe& s : stripes) {
            for (std::uint32_t i = 0; i < kCounters; ++i) t.value[i] += load_relaxed(s.value[i]);
            for (std::uint32_t i = 0; i < kBypassReasons; ++i)
                t.bypass[i] += load_relaxed(s.bypass[i]);
        }
        return t;
    }
    // Counts added meanwhile may survive; nobody waits.
    void reset() {
        for (CounterStripe& s : stripes) {
            for (std::uint64_t& v : s.value) store_relaxed(v, 0);
            for (std::uint64_t& v : s.bypass) store_relaxed(v, 0);
        }
    }
};
static_assert(std::is_trivially_copyable_v<Counters>);

}  // namespace cache_ext::core
