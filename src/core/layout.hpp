// The block of shared memory: what lies where, and which lock protects it.
//
//   StoreHeader | Partition[kPartitions] | index buckets | node buckets | writer slots |
//   SlotHead of each | tracked relations | HazardSet[readers] | CacheControl[max_caches] | arena
//
// Every struct here is trivially copyable and refers to others by offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "core/arena.hpp"
#include "core/counters.hpp"
#include "core/entry.hpp"
#include "core/eviction.hpp"
#include "core/locks.hpp"
#include "core/slabs.hpp"
#include "core/worth.hpp"
#include "core/writers.hpp"

namespace cache_ext::core {

using CacheIndex = std::uint32_t;
inline constexpr CacheIndex kNoCache = UINT32_MAX;

inline constexpr std::uint32_t kDuePuts = 16;  // places for caches that values are put into
inline constexpr std::uint32_t kHazards = 8;   // values that one process can hold (hazards.hpp)

// Atomic. Written by the process it belongs to; on a line of its own, so that holding a value
// does not disturb other readers.
struct alignas(64) HazardSet {
    Ref ref[kHazards];
};

// Constant after format(), but for the last ones.
struct alignas(64) StoreHeader {
    std::uint64_t magic;
    std::uint64_t bytes;
    std::uint32_t max_caches;
    std::uint32_t buckets_per_partition;       // power of two
    std::uint32_t node_buckets_per_partition;  // power of two
    std::uint32_t slots_per_partition;         // power of two
    std::uint32_t readers;
    std::uint32_t max_tracked;    // relations
    std::uint32_t tracked_slots;  // power of two
    std::uint64_t partitions;     // offsets from the beginning of the block
    std::uint64_t buckets;
    std::uint64_t node_buckets;
    std::uint64_t slots;
    std::uint64_t slot_heads;
    std::uint64_t tracked;
    std::uint64_t hazards;
    std::uint64_t caches;
    std::uint64_t arena;
    std::uint32_t readers_seen;   // those from here on have never held a value; atomic
    std::uint64_t retired_bytes;  // of `retired`; atomic. Arena lock to change.
    bool exhausted;               // a writer may have found no control block. Registry lock.
    // Of what is tracked for which cache, so far; atomic. Tracked lock to change.
    std::uint64_t tracked_changes;

    // Arena lock. On lines of their own: what is above is read by everybody all the time.
    alignas(64) SlabPool nodes;      // pieces are TagNodes
    Ref lowest_page;                 // of those that lie at the end of the arena; kNullRef: none
    Ref retired;                     // entries that are held and nothing else, linked by `next`
    std::uint64_t freed_since_reap;  // bytes

    // By cache: transactions that are about to publish what they have put (due_puts.hpp); atomic.
    alignas(64) std::uint32_t due_puts[kDuePuts];
};
static_assert(std::is_trivially_copyable_v<StoreHeader>);

// Lock: partition.
struct alignas(64) Partition {
    Seq seq;                // registrations so far
    std::uint64_t version;  // odd while somebody holds the lock exclusively; atomic
};
static_assert(sizeof(Partition) == 64);

// What the quick check asks a slot, again: a slot is seven lines long, and of these four fit on
// one. Lock: as its ring; read without it by lookup_unlocked(), whose version covers both.
struct SlotHead {
    Seq last_seq;
    Xid guard;
};

// A tag with a ring of its own, as long as entries carry it. Lock: the partition of `tag`.
struct TagNode {
    Tag tag;
    Ref next;             // chain of the partition's node bucket
    std::uint32_t refs;   // entries that carry it
    std::uint16_t place;  // of this piece in its page
    bool is_key;          // it is some entry's full key: its writers are in the shared slot as well
    Ref spans;            // of a ranged tag: a piece of the same size, with its NodeSpans
    WriterRing ring;
};
static_assert(std::is_trivially_copyable_v<TagNode>);
static_assert(sizeof(TagNode) == 24 + sizeof(WriterRing) && sizeof(NodeSpans) <= sizeof(TagNode));

// Every allocation begins with a label of 8 bytes: the hash of an entry, or what else it is. It is
// written under the arena lock when the memory is handed out, and constant until the memory is
// given back; so whoever holds that lock can see what an entry in some place would be called, and
// then ask the index whether it is one.
using Label = Tag;
inline constexpr Label kGhostLabel = 0;
inline constexpr Label kPageLabel = 1;
static_assert(offsetof(Entry, hash) == 0);
inline bool is_entry(Label label) {
    return label > kPageLabel;
}

// Makes everything behind the label a T.
template <class T>
void init_labelled(T* memory) {
    const T fresh = {};
    std::memcpy(reinterpret_cast<char*>(memory) + sizeof(Label),
                reinterpret_cast<const char*>(&fresh) + sizeof(Label), sizeof(T) - sizeof(Label));
}

// Words of a set of caches; of a slot for a tracked relation (tracked.hpp).
inline constexpr std::uint32_t tracked_words(std::uint32_t max_caches) {
    return (max_caches + 63) / 64;
}
inline constexpr std::uint32_t tracked_slot_words(std::uint32_t words) {
    return 1 + 2 * words;
}

enum class ControlState : std::uint8_t { kFree, kUsed, kLeaving };

inline constexpr std::uint32_t kMaxErrorBytes = 256;
inline constexpr std::uint32_t kMaxAskedBytes = 64;

// CacheControl::unsettled: is the cache declared, and will it stay so? Somebody has seen that it
// is, since the last transaction that could have changed it.
inline constexpr Xid kSettled = 0;
// Not known: to be found out at once, or (an XID) once that transaction has ended.
inline constexpr Xid kUnsettled = 1;
// It was found not to be declared any more, but perhaps not everybody has heard of it.
inline constexpr Xid kLeftBehind = 2;

// One named cache of one database.
struct alignas(kBlockAlignment) CacheControl {
    // Identity. Registry lock to change; read without it by those who then compare id.
    std::uint64_t id;
    std::uint32_t database;
    ControlState state;
    bool has_puts;             // somebody has put a value, which no loader gives; atomic
    bool put_only;             // its values come from nobody's functions or views; atomic
    bool as_owner;             // its loader never runs as a reader; false while not known; atomic
    std::uint32_t generation;  // attaches so far: an id can come back; atomic
    Xid unsettled;             // see kSettled; atomic to read
    std::uint32_t owner;       // a role, 0: not known; registry lock

    // What kept the last load from being published that met something of its own making, in one
    // word of the bridge's (0: nothing); atomic.
    std::uint64_t refused;
    std::uint64_t disproven;     // see disprove() (tracked.hpp); atomic. Tracked lock to change.
    bool tracks;                 // a relation has been announced for it (tracked.hpp); atomic
    bool serial;                 // its loads must not have parallel workers; atomic
    std::uint8_t account_lines;  // of its next accounts; 0: kFirstDeltas; atomic

    Millis stale_for;  // how long an old value may still be served; atomic
    bool reloads;      // what was read is loaded again once it is invalidated; atomic
    // How early values are refreshed whose entries say so (early.hpp); thousandths; atomic.
    std::uint32_t refresh_beta;

    // Whose budget its entries belong to: its own, or that of another cache (same database);
    // atomic.
    CacheIndex budget;
    // Its own budget. The limits are atomic, as is `pinned`: nobody else's entries make room by
    // these (budgets.hpp). For the totals (atomic to read) and the queue its budget lock.
    bool pinned;
    std::uint64_t max_entries;  // 0: not limited
    std::uint64_t max_bytes;    // 0: not limited; gross
    std::uint64_t used_entries;
    std::uint64_t open_entries;  // of these, accounts of loads that run: max_entries spares them
    std::uint64_t used_bytes;
    EvictionQueue queue;
    Ref dead;  // atomic: entries that were unlinked without the budget lock, to be freed by its
               // holder

    // What this cache (not its budget) holds; atomic.
    std::uint64_t live_entries;
    std::uint64_t live_bytes;

    // The whole-cache tag (atomic) and its ring: partition lock of whole_tag.
    Tag whole_tag;
    WriterRing whole;
    // There may have been hard writers below known_from that the ring does not remember; below
    // known_for_good whether or not the ring comes to be trusted. The same lock.
    Xid known_from;
    Xid known_for_good;

    // Registry lock.
    std::int64_t stats_reset;  // ms, 0: never
    char last_error[kMaxErrorBytes];
    char asked[kMaxAskedBytes];  // the setting that `refused` is about, if it is about one

    Counters counters;
    Worth worth;  // of filling; atomic

#ifdef CACHE_EXT_GUARD
    alignas(kGuardPage) char guard[kGuardPage];  // read-only
#endif
};
static_assert(std::is_trivially_copyable_v<CacheControl>);
static_assert(!kGuarded || sizeof(CacheControl) % kGuardPage == 0);

inline std::uint32_t partition_of(Tag tag) {
    return static_cast<std::uint32_t>(tag % kPartitions);
}
inline LockId budget_lock(CacheIndex index) {
    return kFirstBudgetLock + index;
}

}  // namespace cache_ext::core
