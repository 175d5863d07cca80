// The block's layout, the registry of caches, and the memory under both.
#include "core/store.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace cache_ext::core {

CacheControl Store::nowhere_;

namespace {

constexpr std::uint64_t kMagic = 0x6361636865657874;  // "cacheext"
constexpr std::size_t kLine = 64;

// One index bucket per this many bytes of the block, and so on. Entries are rarely smaller than a
// quarter of a kilobyte in all; partial tags and writers are fewer than entries. Slots are large
// (2.7 % of the block at this number), so they are rounded to the nearest power of two.
constexpr std::size_t kBytesPerBucket = 512;
constexpr std::size_t kBytesPerNodeBucket = 8192;
constexpr std::size_t kBytesPerSlot = 16384;

// Of the nodes of tags: 8 KB of 128 MB. Larger ones stay half empty when tags become fewer.
std::size_t page_bytes(std::size_t block_bytes) {
    return std::bit_floor(std::clamp<std::size_t>(block_bytes / 16384, 1024, 65536));
}

constexpr std::size_t kMinArena = std::size_t{64} * 1024;

std::size_t round_up(std::size_t n) {
    return (n + kLine - 1) / kLine * kLine;
}

std::size_t per_partition(std::size_t bytes, std::size_t each) {
    return std::max<std::size_t>(bytes / each / kPartitions, 2);
}

std::uint32_t power_above(std::size_t n) {
    return static_cast<std::uint32_t>(std::bit_ceil(n));
}

std::uint32_t power_near(std::size_t n) {
    return static_cast<std::uint32_t>(std::bit_floor(n + n / 3));
}

StoreHeader plan(std::size_t bytes, const StoreOptions& options) {
    StoreHeader h = {};
    h.magic = kMagic;
    h.bytes = bytes;
    h.max_caches = options.max_caches;
    h.buckets_per_partition = power_above(per_partition(bytes, kBytesPerBucket));
    h.node_buckets_per_partition = power_above(per_partition(bytes, kBytesPerNodeBucket));
    h.slots_per_partition = power_near(per_partition(bytes, kBytesPerSlot));
    h.partitions = round_up(sizeof(StoreHeader));
    h.buckets = h.partitions + kPartitions * sizeof(Partition);
    h.node_buckets =
        h.buckets + round_up(std::size_t{kPartitions} * h.buckets_per_partition * sizeof(Ref));
    h.slots = h.node_buckets +
              round_up(std::size_t{kPartitions} * h.node_buckets_per_partition * sizeof(Ref));
    h.readers = options.readers;
    const std::size_t slots = std::size_t{kPartitions} * h.slots_per_partition;
    h.slot_heads = h.slots + round_up(slots * sizeof(WriterRing));
    h.hazards = h.slot_heads + round_up(slots * sizeof(SlotHead));
    h.caches = h.hazards + std::size_t{options.readers} * sizeof(HazardSet);
    if (kGuarded) h.caches = (h.caches + 2 * kGuardPage - 1) / kGuardPage * kGuardPage;
    h.arena = h.caches + std::size_t{options.max_caches} * sizeof(CacheControl);
    h.nodes.init(sizeof(TagNode), page_bytes(bytes));
    return h;
}

template <class T>
T* inside(void* block, std::uint64_t offset) {
    return reinterpret_cast<T*>(static_cast<char*>(block) + offset);
}

}  // namespace

std::size_t Store::min_bytes(const StoreOptions& options) {
    std::size_t bytes = std::size_t{1024} * 1024;
    while (plan(bytes, options).arena + kMinArena > bytes) bytes += std::size_t{64} * 1024;
    return bytes;
}

bool Store::format(void* block, std::size_t bytes, const StoreOptions& options) {
    if (block == nullptr || reinterpret_cast<std::uintptr_t>(block) % kBlockAlignment != 0) {
        return false;
    }
    if (options.max_caches == 0 || options.max_caches > UINT16_MAX) return false;
    if (bytes < min_bytes(options)) return false;
    const StoreHeader h = plan(bytes, options);
    std::memset(block, 0, h.arena);
    auto* slots = inside<WriterRing>(block, h.slots);
    for (std::size_t i = 0; i < std::size_t{kPartitions} * h.slots_per_partition; ++i) {
        slots[i].init();
    }
    if (!Arena::format(static_cast<char*>(block) + h.arena, bytes - h.arena)) return false;
    *static_cast<StoreHeader*>(block) = h;
    return true;
}

Store::Store(void* block, LockTable locks, Clock clock)
    : header_(static_cast<StoreHeader*>(block)),
      partitions_(inside<Partition>(block, header_->partitions)),
      buckets_per_partition_(header_->buckets_per_partition),
      slots_per_partition_(header_->slots_per_partition),
      buckets_(inside<Ref>(block, header_->buckets)),
      node_buckets_(inside<Ref>(block, header_->node_buckets)),
      slots_(inside<WriterRing>(block, header_->slots)),
      slot_heads_(inside<SlotHead>(block, header_->slot_heads)),
      hazards_(inside<HazardSet>(block, header_->hazards)),
      caches_(inside<CacheControl>(block, header_->caches)),
      arena_(inside<void>(block, header_->arena)),
      max_held_(arena_.max_allocation() / 64),
      max_retired_(arena_.max_allocation() / 16),
      locks_(locks),
      clock_(clock) {}

Ref* Store::node_bucket(Tag tag) const {
    const std::size_t n = header_->node_buckets_per_partition;
    return node_buckets_ + partition_of(tag) * n + (tag / kPartitions & (n - 1));
}

CacheIndex Store::find(std::uint32_t database, std::uint64_t id) const {
    LockGuard guard(locks_, kRegistryLock, LockGuard::kShared);
    for (CacheIndex i = 0; i < header_->max_caches; ++i) {
        const CacheControl& c = caches_[i];
        if (c.state == ControlState::kUsed && c.id == id && c.database == database) return i;
    }
    return kNoCache;
}

CacheIndex Store::attach(std::uint32_t database, std::uint64_t id, Tag whole_tag, Xid (*next_xid)(),
                         bool* created, Xid unsettled, const Quota& quota) {
    *created = false;
    const CacheIndex known = find(database, id);
    if (known != kNoCache) return known;

    LockGuard guard(locks_, kRegistryLock, LockGuard::kExclusive);
    CacheIndex free_index = kNoCache;
    std::uint32_t of_owner = 0, of_database = 0;
    for (CacheIndex i = 0; i < header_->max_caches; ++i) {
        const CacheControl& c = caches_[i];
        if (c.state == ControlState::kUsed && c.id == id && c.database == database) return i;
        if (c.state == ControlState::kFree && free_index == kNoCache) free_index = i;
        if (c.state != ControlState::kUsed) continue;
        of_owner += quota.owner != 0 && c.owner == quota.owner ? 1 : 0;
        of_database += c.database == database ? 1 : 0;
    }
    const bool too_many = (quota.per_owner != 0 && of_owner >= quota.per_owner) ||
                          (quota.per_database != 0 && of_database >= quota.per_database);
    if (free_index == kNoCache || too_many) {
        header_->exhausted = true;
        return kNoCache;
    }
    CacheControl& c = caches_[free_index];
    c.database = database;
    c.owner = quota.owner;
    store_relaxed(c.budget, free_index);
    store_relaxed(c.max_entries, 0);
    store_relaxed(c.max_bytes, 0);
    store_relaxed(c.stale_for, 0);
    store_relaxed(c.put_only, false);
    c.stats_reset = 0;
    c.last_error[0] = '\0';
    c.counters.reset();
    const Xid boundary = next_xid();
    {
        PartitionWriter ring_guard(locks_, partitions_, partition_of(whole_tag));
        store_relaxed(c.whole_tag, whole_tag);
        c.whole.init();
        c.whole.distrust(boundary);
    }
    c.state = ControlState::kUsed;
    store_relaxed(c.generation, c.generation + 1);
    store_relaxed(c.unsettled, unsettled);
    store_release(c.id, id);
    *created = true;
    return free_index;
}

void Store::set_owner(CacheIndex cache, std::uint64_t id, std::uint32_t owner) {
    LockGuard guard(locks_, kRegistryLock, LockGuard::kExclusive);
    CacheControl& c = *control(cache);
    if (c.state == ControlState::kUsed && c.id == id) c.owner = owner;
}

void Store::note_exhausted() {
    LockGuard guard(locks_, kRegistryLock, LockGuard::kExclusive);
    header_->exhausted = true;
}

bool Store::exhausted() const {
    LockGuard guard(locks_, kRegistryLock, LockGuard::kShared);
    return header_->exhausted;
}

void Store::distrust(CacheIndex cache, Xid next_xid) {
    CacheControl& c = *control(cache);
    const Tag tag = load_relaxed(c.whole_tag);
    PartitionWriter guard(locks_, partitions_, partition_of(tag));
    if (load_relaxed(c.whole_tag) != tag) return;
    // The record speaks against the entries that are there, the rest against blind fills.
    WriterRecord dropped[kRingCapacity];
    c.whole.add(tag, next_xid - 1, ++partition(tag)->seq, false, Ended{}, dropped, true);
    c.whole.last_hard = c.whole.last_seq;
    c.whole.distrust(next_xid);
    c.whole.distrusted = false;
}

void Store::trust(CacheIndex cache) {
    CacheControl& c = *control(cache);
    const Tag tag = load_relaxed(c.whole_tag);
    PartitionWriter guard(locks_, partitions_, partition_of(tag));
    if (load_relaxed(c.whole_tag) == tag) c.whole.trust();
}

void Store::set_limits(CacheIndex cache, const Limits& limits) {
    CacheControl& c = *control(cache);
    store_relaxed(c.max_entries, limits.max_entries);
    store_relaxed(c.max_bytes, limits.max_bytes);
    store_relaxed(c.stale_for, limits.stale_for);
    store_relaxed(c.put_only, limits.put_only);
    store_relaxed(c.budget, limits.budget == kNoCache ? cache : limits.budget);
}

void Store::unsettle(CacheIndex cache, std::uint64_t id, Xid to) {
    if (cache >= header_->max_caches) return;
    LockGuard guard(locks_, kRegistryLock, LockGuard::kExclusive);
    CacheControl& c = caches_[cache];
    if (c.state == ControlState::kUsed && c.id == id) store_relaxed(c.unsettled, to);
}

void Store::settle(CacheIndex cache, std::uint64_t id, std::uint32_t generation, Xid from, Xid to) {
    if (cache >= header_->max_caches) return;
    LockGuard guard(locks_, kRegistryLock, LockGuard::kExclusive);
    CacheControl& c = caches_[cache];
    if (c.state != ControlState::kUsed || c.id != id || c.generation != generation) return;
    if (c.unsettled == from) store_relaxed(c.unsettled, to);
}

void Store::release(CacheIndex cache, std::uint64_t id, std::uint32_t generation) {
    if (cache >= header_->max_caches) return;
    {
        LockGuard guard(locks_, kRegistryLock, LockGuard::kExclusive);
        CacheControl& c = caches_[cache];
        if (c.state != ControlState::kUsed || c.id != id) return;
        if (generation != 0 && c.generation != generation) return;
        c.state = ControlState::kLeaving;
        // From here on nothing is published: publish() compares the id under the partition lock,
        // and remove_all() takes each of those after this.
        store_release(c.id, 0);
        // Those that shared its budget have to do with their own.
        for (CacheIndex i = 0; i < header_->max_caches; ++i) {
            if (load_relaxed(caches_[i].budget) == cache) store_relaxed(caches_[i].budget, i);
        }
    }
    remove_all(cache);
    GhostTable ghosts;
    {
        LockGuard guard(locks_, budget_lock(cache), LockGuard::kExclusive);
        collect_dead(cache);
        ghosts = caches_[cache].queue.ghosts.take();
    }
    if (ghosts.slot_count != 0) release_memory(ghosts.slots);
    drop_spare_page();
    {
        // Whoever still registers on the old tag holds this lock while it compares.
        const Tag tag = load_relaxed(caches_[cache].whole_tag);
        PartitionWriter guard(locks_, partitions_, partition_of(tag));
        store_relaxed(caches_[cache].whole_tag, Tag{0});
    }
    LockGuard guard(locks_, kRegistryLock, LockGuard::kExclusive);
    caches_[cache].state = ControlState::kFree;
}

void Store::release_database(std::uint32_t database) {
    for (CacheIndex i = 0; i < header_->max_caches; ++i) {
        std::uint64_t id = 0;
        {
            LockGuard guard(locks_, kRegistryLock, LockGuard::kShared);
            const CacheControl& c = caches_[i];
            if (c.state == ControlState::kUsed && c.database == database) id = c.id;
        }
        if (id != 0) release(i, id);
    }
}

void Store::set_last_error(CacheIndex cache, const char* message) {
    LockGuard guard(locks_, kRegistryLock, LockGuard::kExclusive);
    char* to = control(cache)->last_error;
    const std::size_t n = std::min<std::size_t>(std::strlen(message), kMaxErrorBytes - 1);
    std::memcpy(to, message, n);
    to[n] = '\0';
}

void Store::last_error(CacheIndex cache, char* out) const {
    LockGuard guard(locks_, kRegistryLock, LockGuard::kShared);
    std::memcpy(out, control(cache)->last_error, kMaxErrorBytes);
}

void Store::reset_stats(CacheIndex cache) {
    CacheControl& c = *control(cache);
    c.counters.reset();
    LockGuard guard(locks_, kRegistryLock, LockGuard::kExclusive);
    c.stats_reset = clock_.now();
    c.last_error[0] = '\0';
}

StoreStats Store::stats() const {
    StoreStats s = {};
    LockGuard guard(locks_, kArenaLock, LockGuard::kShared);
    s.arena = arena_.stats();
    s.slots = std::uint64_t{kPartitions} * header_->slots_per_partition;
    s.overhead_bytes = header_->arena;
    s.retired_bytes = header_->retired_bytes;
    s.nodes = header_->nodes.piece_count;
    s.pages = header_->nodes.page_count;
    return s;
}

}  // namespace cache_ext::core
