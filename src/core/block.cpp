#include "core/block.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace cache_ext::core {

CacheControl Block::nowhere;

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
    h.tracked = h.slot_heads + round_up(slots * sizeof(SlotHead));
    h.max_tracked = options.max_tracked;
    h.tracked_slots = power_above(std::size_t{2} * options.max_tracked);
    h.hazards = h.tracked + round_up(std::size_t{h.tracked_slots} *
                                     tracked_slot_words(tracked_words(options.max_caches)) *
                                     sizeof(std::uint64_t));
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

std::size_t Block::min_bytes(const StoreOptions& options) {
    std::size_t bytes = std::size_t{1024} * 1024;
    while (plan(bytes, options).arena + kMinArena > bytes) bytes += std::size_t{64} * 1024;
    return bytes;
}

bool Block::format(void* memory, std::size_t bytes, const StoreOptions& options) {
    if (memory == nullptr || reinterpret_cast<std::uintptr_t>(memory) % kBlockAlignment != 0) {
        return false;
    }
    if (options.max_tracked == 0) return false;
    if (options.max_caches == 0 || options.max_caches > UINT16_MAX) return false;
    if (bytes < min_bytes(options)) return false;
    const StoreHeader h = plan(bytes, options);
    std::memset(memory, 0, h.arena);
    auto* slots = inside<WriterRing>(memory, h.slots);
    for (std::size_t i = 0; i < std::size_t{kPartitions} * h.slots_per_partition; ++i) {
        slots[i].init();
    }
    if (!Arena::format(static_cast<char*>(memory) + h.arena, bytes - h.arena)) return false;
    *static_cast<StoreHeader*>(memory) = h;
    return true;
}

Block::Block(void* memory, LockTable lock_table, Clock time)
    : header(static_cast<StoreHeader*>(memory)),
      partitions(inside<Partition>(memory, header->partitions)),
      buckets_per_partition(header->buckets_per_partition),
      slots_per_partition(header->slots_per_partition),
      buckets(inside<Ref>(memory, header->buckets)),
      node_buckets(inside<Ref>(memory, header->node_buckets)),
      slots(inside<WriterRing>(memory, header->slots)),
      slot_heads(inside<SlotHead>(memory, header->slot_heads)),
      tracked(inside<std::uint64_t>(memory, header->tracked)),
      hazards(inside<HazardSet>(memory, header->hazards)),
      caches(inside<CacheControl>(memory, header->caches)),
      arena(inside<void>(memory, header->arena)),
      max_held(arena.max_allocation() / 64),
      max_retired(arena.max_allocation() / 16),
      locks(lock_table),
      clock(time) {}

bool Block::protect_guard_pages() const {
    if (!kGuarded) return true;
    const auto protect = [](void* page) { return mprotect(page, kGuardPage, PROT_READ) == 0; };
    bool done = protect(reinterpret_cast<char*>(caches) - kGuardPage);
    for (CacheIndex i = 0; i < header->max_caches; ++i) {
        done = protect(reinterpret_cast<char*>(caches + i + 1) - kGuardPage) && done;
    }
    return done;
}

void Block::check_arena() const {
    static std::uint32_t calls = 0;
    if (kGuarded && ++calls % kChecksApart == 0) sound(arena.check());
}

StoreStats Block::stats() const {
    StoreStats s = {};
    LockGuard guard(locks, kArenaLock, LockGuard::kShared);
    s.arena = arena.stats();
    s.slots = std::uint64_t{kPartitions} * header->slots_per_partition;
    s.overhead_bytes = header->arena;
    s.retired_bytes = header->retired_bytes;
    s.nodes = header->nodes.piece_count;
    s.pages = header->nodes.page_count;
    return s;
}

}  // namespace cache_ext::core
