#include "core/registry.hpp"

#include <algorithm>
#include <cstring>

#include "core/budgets.hpp"
#include "core/hazards.hpp"
#include "core/pages.hpp"
#include "core/removal.hpp"
#include "core/tracked.hpp"

namespace cache_ext::core {
namespace {

struct RegistryReader : LockGuard {
    explicit RegistryReader(const Block& block) : LockGuard(block.locks, kRegistryLock, kShared) {}
};
struct RegistryWriter : LockGuard {
    explicit RegistryWriter(const Block& block)
        : LockGuard(block.locks, kRegistryLock, kExclusive) {}
};

// Registry lock, for all of these.
bool is_used(const CacheControl& c, std::uint64_t id) {
    return c.state == ControlState::kUsed && c.id == id;
}

CacheIndex find_locked(const Block& block, std::uint32_t database, std::uint64_t id) {
    for (CacheIndex i = 0; i < block.header->max_caches; ++i) {
        const CacheControl& c = block.caches[i];
        if (is_used(c, id) && c.database == database) return i;
    }
    return kNoCache;
}

// A free control block, kNoCache if there is none, or none that the quota allows.
CacheIndex find_free(const Block& block, const NewCache& cache) {
    const Quota& quota = cache.quota;
    CacheIndex free_index = kNoCache;
    std::uint32_t of_owner = 0, of_database = 0;
    for (CacheIndex i = 0; i < block.header->max_caches; ++i) {
        const CacheControl& c = block.caches[i];
        if (c.state == ControlState::kFree && free_index == kNoCache) free_index = i;
        if (c.state != ControlState::kUsed) continue;
        of_owner += quota.owner != 0 && c.owner == quota.owner ? 1 : 0;
        of_database += c.database == cache.database ? 1 : 0;
    }
    const bool too_many = (quota.per_owner != 0 && of_owner >= quota.per_owner) ||
                          (quota.per_database != 0 && of_database >= quota.per_database);
    return too_many ? kNoCache : free_index;
}

// The last step is the id: whoever finds that may use the rest.
void take(const Block& block, CacheIndex index, const NewCache& cache, Xid boundary) {
    CacheControl& c = block.caches[index];
    c.database = cache.database;
    c.owner = cache.quota.owner;
    store_relaxed(c.budget, index);
    store_relaxed(c.max_entries, 0);
    store_relaxed(c.max_bytes, 0);
    store_relaxed(c.pinned, false);
    store_relaxed(c.refresh_beta, std::uint32_t{0});
    store_relaxed(c.stale_for, 0);
    store_relaxed(c.reloads, false);
    store_relaxed(c.put_only, false);
    store_relaxed(c.has_puts, false);
    store_relaxed(c.as_owner, false);
    store_relaxed(c.tracks, false);
    store_relaxed(c.disproven, std::uint64_t{0});
    store_relaxed(c.serial, false);
    store_relaxed(c.account_lines, std::uint8_t{0});
    store_relaxed(c.refused, std::uint64_t{0});
    c.stats_reset = 0;
    c.last_error[0] = '\0';
    c.asked[0] = '\0';
    c.counters.reset();
    c.worth.reset();
    {
        const PartitionWriter ring_guard(block, partition_of(cache.whole_tag));
        store_relaxed(c.whole_tag, cache.whole_tag);
        c.whole.init();
        c.whole.distrust(boundary);
        c.known_from = boundary;
        c.known_for_good = 0;
    }
    c.state = ControlState::kUsed;
    store_relaxed(c.generation, c.generation + 1);
    store_relaxed(c.unsettled, cache.unsettled);
    store_release(c.id, cache.id);
}

void copy_text(const char* text, std::size_t room, char* to) {
    const std::size_t n = std::min(std::strlen(text), room - 1);
    std::memcpy(to, text, n);
    to[n] = '\0';
}

// Nothing is published from here on: publish() compares the id under the partition lock, and
// remove_all() takes each of those after this. False: it is another's already.
bool begin_release(const Block& block, CacheIndex cache, std::uint64_t id,
                   std::uint32_t generation) {
    const RegistryWriter guard(block);
    CacheControl& c = block.caches[cache];
    if (!is_used(c, id) || (generation != 0 && c.generation != generation)) return false;
    c.state = ControlState::kLeaving;
    store_release(c.id, 0);
    // Those that shared its budget have to do with their own.
    for (CacheIndex i = 0; i < block.header->max_caches; ++i) {
        if (load_relaxed(block.caches[i].budget) == cache) store_relaxed(block.caches[i].budget, i);
    }
    return true;
}

}  // namespace

CacheIndex find_cache(const Block& block, std::uint32_t database, std::uint64_t id) {
    const RegistryReader guard(block);
    return find_locked(block, database, id);
}

CacheIndex attach(const Block& block, const NewCache& cache, Xid (*next_xid)(), bool* created) {
    *created = false;
    CacheIndex known = find_cache(block, cache.database, cache.id);
    if (known != kNoCache) return known;

    const RegistryWriter guard(block);
    known = find_locked(block, cache.database, cache.id);
    if (known != kNoCache) return known;
    const CacheIndex index = find_free(block, cache);
    if (index == kNoCache) {
        block.header->exhausted = true;
        return kNoCache;
    }
    take(block, index, cache, next_xid());
    *created = true;
    return index;
}

void set_owner(const Block& block, CacheIndex cache, std::uint64_t id, std::uint32_t owner) {
    const RegistryWriter guard(block);
    CacheControl& c = *block.control(cache);
    if (is_used(c, id)) c.owner = owner;
}

void set_limits(const Block& block, CacheIndex cache, const Limits& limits) {
    CacheControl& c = *block.control(cache);
    store_relaxed(c.max_entries, limits.max_entries);
    store_relaxed(c.max_bytes, limits.max_bytes);
    store_relaxed(c.pinned, limits.pinned);
    store_relaxed(c.refresh_beta, limits.refresh_beta);
    store_relaxed(c.stale_for, limits.stale_for);
    store_relaxed(c.reloads, limits.reloads);
    store_relaxed(c.put_only, limits.put_only);
    store_relaxed(c.as_owner, limits.as_owner);
    store_relaxed(c.budget, limits.budget == kNoCache ? cache : limits.budget);
}

bool exhausted(const Block& block) {
    const RegistryReader guard(block);
    return block.header->exhausted;
}

void note_exhausted(const Block& block) {
    const RegistryWriter guard(block);
    block.header->exhausted = true;
}

void unsettle(const Block& block, CacheIndex cache, std::uint64_t id, Xid to) {
    if (cache >= block.header->max_caches) return;
    const RegistryWriter guard(block);
    CacheControl& c = block.caches[cache];
    if (is_used(c, id)) store_relaxed(c.unsettled, to);
}

void settle(const Block& block, CacheIndex cache, const Settling& settling) {
    if (cache >= block.header->max_caches) return;
    const RegistryWriter guard(block);
    CacheControl& c = block.caches[cache];
    if (!is_used(c, settling.id) || c.generation != settling.generation) return;
    if (c.unsettled == settling.from) store_relaxed(c.unsettled, settling.to);
}

void release_cache(const Block& block, CacheIndex cache, std::uint64_t id,
                   std::uint32_t generation) {
    if (cache >= block.header->max_caches) return;
    if (!begin_release(block, cache, id, generation)) return;
    forget_tracked(block, cache);
    remove_all(block, cache);
    CacheControl& c = block.caches[cache];
    GhostTable ghosts;
    {
        const BudgetHolder guard(block, cache);
        collect_dead(block, cache);
        ghosts = c.queue.ghosts.take();
    }
    if (ghosts.slot_count != 0) release_memory(block, ghosts.slots);
    drop_spare_page(block);
    {
        // Whoever still registers on the old tag holds this lock while it compares.
        const PartitionWriter guard(block, partition_of(load_relaxed(c.whole_tag)));
        store_relaxed(c.whole_tag, Tag{0});
    }
    const RegistryWriter guard(block);
    c.state = ControlState::kFree;
}

void release_database(const Block& block, std::uint32_t database) {
    for (CacheIndex i = 0; i < block.header->max_caches; ++i) {
        std::uint64_t id = 0;
        {
            const RegistryReader guard(block);
            const CacheControl& c = block.caches[i];
            if (c.state == ControlState::kUsed && c.database == database) id = c.id;
        }
        if (id != 0) release_cache(block, i, id, 0);
    }
}

void set_last_error(const Block& block, CacheIndex cache, const char* message) {
    const RegistryWriter guard(block);
    copy_text(message, kMaxErrorBytes, block.control(cache)->last_error);
}

void last_error(const Block& block, CacheIndex cache, char* out) {
    const RegistryReader guard(block);
    std::memcpy(out, block.control(cache)->last_error, kMaxErrorBytes);
}

void set_asked(const Block& block, CacheIndex cache, const char* setting) {
    char known[kMaxAskedBytes];
    asked(block, cache, known);
    if (std::strncmp(known, setting, kMaxAskedBytes - 1) == 0) return;
    const RegistryWriter guard(block);
    copy_text(setting, kMaxAskedBytes, block.control(cache)->asked);
}

void asked(const Block& block, CacheIndex cache, char* out) {
    const RegistryReader guard(block);
    std::memcpy(out, block.control(cache)->asked, kMaxAskedBytes);
}

void reset_stats(const Block& block, CacheIndex cache) {
    CacheControl& c = *block.control(cache);
    c.counters.reset();
    store_relaxed(c.refused, std::uint64_t{0});
    const RegistryWriter guard(block);
    c.stats_reset = block.clock.now();
    c.last_error[0] = '\0';
}

}  // namespace cache_ext::core
