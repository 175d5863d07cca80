// A process's handle on the block of shared memory: where everything lies, the locks, the time.
//
// All of the store's functions work on one. It is constant once it is made, but for how this
// process evicts, and costs nothing to copy; whatever it points to is shared (layout.hpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/layout.hpp"

namespace cache_ext::core {

struct StoreOptions {
    std::uint32_t max_caches = 200;
    std::uint32_t readers = 0;       // processes that can hold values
    std::uint32_t max_tracked = 64;  // relations that are tracked
};

struct StoreStats {
    ArenaStats arena;
    std::uint64_t slots;
    std::uint64_t overhead_bytes;  // the block less the arena
    std::uint64_t retired_bytes;   // of the arena: kept only because somebody reads it
    std::uint64_t nodes;           // tags that entries carry
    std::uint64_t pages;           // of their nodes, in the arena
};

struct Block {
    // Rounds for itself; the arena gets what the tables leave.
    static std::size_t min_bytes(const StoreOptions& options);
    // False, and nothing done: no memory, not aligned to kBlockAlignment, or less than min_bytes().
    static bool format(void* memory, std::size_t bytes, const StoreOptions& options);

    Block() = default;
    Block(void* memory, LockTable lock_table, Clock time);

    // Once, by the process that formatted the block and the parent of all others: makes the guard
    // pages read-only, in front of the first control block and behind each of them. False: some
    // page could not be made so. Does nothing but in a guarded build.
    bool protect_guard_pages() const;
    // Checks the allocator now and then, from one end to the other, in a guarded build. Arena lock.
    void check_arena() const;
    StoreStats stats() const;  // no lock

    // The low bits of a hash choose the partition, the next ones the place inside it.
    Partition* partition(Tag tag) const { return partitions + partition_of(tag); }
    Ref* bucket(Tag hash) const {
        const std::size_t n = buckets_per_partition;
        return buckets + partition_of(hash) * n + (hash / kPartitions & (n - 1));
    }
    // The buckets of one partition: buckets_per_partition of them.
    Ref* buckets_of(std::uint32_t partition) const {
        return buckets + std::size_t{partition} * buckets_per_partition;
    }
    std::size_t slot_index(Tag tag) const {
        const std::size_t n = slots_per_partition;
        return partition_of(tag) * n + (tag / kPartitions & (n - 1));
    }
    WriterRing* slot(Tag tag) const { return slots + slot_index(tag); }
    SlotHead* slot_head(Tag tag) const { return slot_heads + slot_index(tag); }
    Ref* node_bucket(Tag tag) const {
        const std::size_t n = header->node_buckets_per_partition;
        return node_buckets + partition_of(tag) * n + (tag / kPartitions & (n - 1));
    }

    Entry* entry(Ref ref) const { return arena.at<Entry>(ref); }
    TagNode* node(Ref ref) const { return arena.at<TagNode>(ref); }
    NodeSpans* spans_of(const TagNode& node) const { return arena.at<NodeSpans>(node.spans); }
    // The tag behind a reference of a live entry, and its ring.
    Tag tag_of(const TagRef& ref) const {
        return ref.node != kNullRef ? node(ref.node)->tag
                                    : load_relaxed(caches[ref.cache].whole_tag);
    }
    const WriterRing& ring_of(const TagRef& ref) const {
        return ref.node != kNullRef ? node(ref.node)->ring : caches[ref.cache].whole;
    }

    // Not locked: read only what layout.hpp calls atomic, and counters. For an index that is none,
    // a control block of this process's own that nobody looks at.
    CacheControl* control(CacheIndex cache) const {
        return sound(cache < header->max_caches) ? caches + cache : &nowhere;
    }
    bool is(CacheIndex cache, std::uint64_t id) const {
        return cache < header->max_caches && load_relaxed(caches[cache].id) == id;
    }

    // An entry may take a quarter of the arena: no single value empties the cache, and what is in
    // the way of it can be cleared.
    std::size_t max_entry_bytes() const { return arena.max_allocation() / 4; }
    // May a value of this size be held, rather than copied? What is held cannot be evicted.
    bool may_hold(std::uint32_t value_bytes) const {
        return value_bytes <= max_held && load_relaxed(header->retired_bytes) <= max_retired;
    }

    StoreHeader* header = nullptr;
    Partition* partitions = nullptr;
    std::uint32_t buckets_per_partition = 0;
    std::uint32_t slots_per_partition = 0;
    Ref* buckets = nullptr;
    Ref* node_buckets = nullptr;
    WriterRing* slots = nullptr;
    SlotHead* slot_heads = nullptr;
    std::uint64_t* tracked = nullptr;  // slots: words, see tracked.cpp
    HazardSet* hazards = nullptr;
    CacheControl* caches = nullptr;
    Arena arena;
    std::uint64_t max_held = 0;     // bytes of one value
    std::uint64_t max_retired = 0;  // bytes; while more is retired, nobody begins to hold
    LockTable locks = {};
    Clock clock = {};
    Eviction eviction = Eviction::kLru;
    // 64 random bits, for whom it takes no lock of ours; nullptr: zeros. This process's own.
    std::uint64_t (*random)() = nullptr;
    std::uint64_t max_pinned = UINT64_MAX;  // bytes; what pinned budgets have beyond goes first

  private:
    static CacheControl nowhere;
};

// Scope of the exclusive lock of one partition. It changes the partition's version, which tells
// those who read without the lock (unlocked.hpp) that they may have seen anything.
class PartitionWriter {
  public:
    PartitionWriter(const Block& block, std::uint32_t p)
        : guard_(block.locks, kFirstPartitionLock + p, LockGuard::kExclusive),
          partition_(block.partitions[p]) {
        // Odd, whatever became of an earlier holder. A release before the first write: the writing
        // half of an atomic exchange may be seen after the writes that follow it (on ARM).
        store_relaxed(partition_.version, partition_.version | 1);
        write_fence();
    }
    ~PartitionWriter() { store_release(partition_.version, partition_.version + 1); }
    PartitionWriter(const PartitionWriter&) = delete;
    PartitionWriter& operator=(const PartitionWriter&) = delete;

  private:
    LockGuard guard_;
    Partition& partition_;
};

// The other scopes of locks; locks.hpp has their order.
struct PartitionReader : LockGuard {
    PartitionReader(const Block& block, std::uint32_t p)
        : LockGuard(block.locks, kFirstPartitionLock + p, kShared) {}
};
struct BudgetHolder : LockGuard {
    BudgetHolder(const Block& block, CacheIndex budget)
        : LockGuard(block.locks, budget_lock(budget), kExclusive) {}
};
struct ArenaHolder : LockGuard {
    explicit ArenaHolder(const Block& block) : LockGuard(block.locks, kArenaLock, kExclusive) {}
};

}  // namespace cache_ext::core
