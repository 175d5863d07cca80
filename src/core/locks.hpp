// Locks, injected: the core says which one and how, the owner brings the implementation (LWLocks in
// a server, std::shared_mutex in the unit tests).
//
// Order, outermost first; whoever holds a later one never asks for an earlier one:
//
//   registry            which cache owns which control block
//   tracked             which relations are tracked for which caches
//   budget[i]           the eviction queues and totals of budget i
//   partition[p]        index chains, entries, tag nodes and writer rings of partition p
//   arena               the allocator, the pages of nodes, what waits for readers
//
// A holder of an exclusive partition lock never waits for another partition. A holder of a shared
// one may ask for a second shared one: since exclusive holders do not wait for partitions, and
// shared requests are granted while others hold it shared, no cycle can close.
//
// A contract names the lock that the caller holds. "No lock": it needs none and takes its own, so
// the caller may hold only what comes earlier in the order.
#pragma once

#include <cstdint>

namespace cache_ext::core {

using LockId = std::uint32_t;

struct LockTable {
    void (*shared)(LockId);
    void (*exclusive)(LockId);
    void (*release)(LockId);
};

inline constexpr LockId kArenaLock = 0;
inline constexpr LockId kRegistryLock = 1;
inline constexpr LockId kTrackedLock = 2;
inline constexpr LockId kFirstPartitionLock = 3;
inline constexpr std::uint32_t kPartitions = 128;
inline constexpr LockId kFirstBudgetLock = kFirstPartitionLock + kPartitions;

// Scope of one lock. Nothing inside such a scope may allocate from the heap, throw, or ereport.
class LockGuard {
  public:
    enum Mode { kShared, kExclusive };

    LockGuard(const LockTable& table, LockId id, Mode mode) : table_(table), id_(id) {
        if (mode == kShared) {
            table_.shared(id_);
        } else {
            table_.exclusive(id_);
        }
    }
    ~LockGuard() { table_.release(id_); }
    LockGuard(const LockGuard&) = delete;
    LockGuard& operator=(const LockGuard&) = delete;

  private:
    const LockTable& table_;
    LockId id_;
};

}  // namespace cache_ext::core
