#include "core/tracked.hpp"

#include <algorithm>
#include <bit>

#include "core/tags.hpp"

namespace cache_ext::core {
namespace {

struct TrackedWriter : LockGuard {
    explicit TrackedWriter(const Block& block) : LockGuard(block.locks, kTrackedLock, kExclusive) {}
};

// One slot, as it lies in memory: the key, the caches that are announced, those that are complete.
struct Slot {
    std::uint32_t index;
    std::uint64_t* key;
    std::uint64_t* announced;
    std::uint64_t* complete;
};

Slot slot_at(const Block& block, std::uint32_t i) {
    const std::uint32_t words = tracked_words(block.header->max_caches);
    std::uint64_t* at = block.tracked + std::size_t{i} * tracked_slot_words(words);
    return {i, at, at + 1, at + 1 + words};
}

std::uint32_t mask_of(const Block& block) {
    return block.header->tracked_slots - 1;
}

// Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4).
std::uint32_t home_of(const Block& block, RelationKey relation) {
    return static_cast<std::uint32_t>((relation * 0x9E3779B97F4A7C15) >> 32) & mask_of(block);
}

bool has(const std::uint64_t* set, CacheIndex cache) {
    return (load_acquire(set[cache / 64]) >> cache % 64 & 1) != 0;
}
// Tracked lock.
void put(std::uint64_t* set, CacheIndex cache, bool in) {
    const std::uint64_t bit = std::uint64_t{1} << cache % 64;
    const std::uint64_t word = load_relaxed(set[cache / 64]);
    store_release(set[cache / 64], in ? word | bit : word & ~bit);
}
bool is_empty(const Block& block, const Slot& slot) {
    const std::uint32_t words = tracked_words(block.header->max_caches);
    return std::all_of(slot.announced, slot.announced + words,
                       [](const std::uint64_t& word) { return load_relaxed(word) == 0; });
}
void clear(const Block& block, const Slot& slot) {
    const std::uint32_t words = tracked_words(block.header->max_caches);
    for (std::uint32_t w = 0; w < 2 * words; ++w)
        store_release(slot.announced[w], std::uint64_t{0});
}

// False: it has none.
bool find(const Block& block, RelationKey relation, Slot* slot) {
    std::uint32_t i = home_of(block, relation);
    for (std::uint32_t n = 0; n <= mask_of(block); ++n, i = (i + 1) & mask_of(block)) {
        *slot = slot_at(block, i);
        const RelationKey key = load_acquire(*slot->key);
        if (key == relation) return true;
        if (key == 0) return false;
    }
    return false;
}

bool has_room(const Block& block, RelationKey relation) {
    std::uint32_t all = 0, of_database = 0;
    for (std::uint32_t i = 0; i <= mask_of(block); ++i) {
        const Slot slot = slot_at(block, i);
        const RelationKey key = load_relaxed(*slot.key);
        if (key == 0 || is_empty(block, slot)) continue;
        ++all;
        of_database += key >> 32 == relation >> 32 ? 1 : 0;
    }
    const std::uint32_t most = block.header->max_tracked;
    return all < most && of_database < most - most / 10;
}

void note_change(const Block& block) {
    add_relaxed(block.header->tracked_changes, 1);
}

// The one that it has, or gets. Tracked lock.
bool find_or_take(const Block& block, RelationKey relation, Slot* slot) {
    if (find(block, relation, slot)) return true;
    if (!has_room(block, relation)) return false;
    std::uint32_t i = home_of(block, relation);
    for (std::uint32_t n = 0; n <= mask_of(block); ++n, i = (i + 1) & mask_of(block)) {
        *slot = slot_at(block, i);
        if (load_relaxed(*slot->key) != 0 && !is_empty(block, *slot)) continue;
        clear(block, *slot);
        store_release(*slot->key, relation);
        return true;
    }
    return false;
}

// Slots at the end of a run of used ones are as good as new once they are empty, so that the run
// does not grow for ever. Tracked lock.
void shorten_run(const Block& block, std::uint32_t i) {
    while (load_relaxed(*slot_at(block, (i + 1) & mask_of(block)).key) == 0) {
        const Slot slot = slot_at(block, i);
        if (load_relaxed(*slot.key) == 0 || !is_empty(block, slot)) return;
        store_release(*slot.key, RelationKey{0});
        i = (i - 1) & mask_of(block);
    }
}

// Nobody is served from here on who cannot see all that have an XID now. False: the cache is gone.
// Tracked lock.
bool serve_from_next_xid(const Block& block, CacheIndex cache, Xid (*next_xid)()) {
    CacheControl& c = block.caches[cache];
    const Xid next = next_xid();
    const Tag tag = load_relaxed(c.whole_tag);
    const PartitionWriter ring_guard(block, partition_of(tag));
    if (load_relaxed(c.whole_tag) != tag) return false;
    c.whole.unknown_below(next);
    hard_unknown_below(&c, next);
    return true;
}

}  // namespace

bool is_tracked(const Block& block, RelationKey relation, CacheIndex cache) {
    // With the lock, so that the slot stays this relation's while its caches are looked at.
    const LockGuard guard(block.locks, kTrackedLock, LockGuard::kShared);
    Slot slot;
    return find(block, relation, &slot) && has(slot.complete, cache);
}

bool announce(const Block& block, RelationKey relation, CacheIndex cache, std::uint64_t id) {
    const TrackedWriter guard(block);
    Slot slot;
    if (!block.is(cache, id) || !find_or_take(block, relation, &slot)) return false;
    store_relaxed(block.caches[cache].tracks, true);
    put(slot.announced, cache, true);
    return true;
}

bool complete(const Block& block, RelationKey relation, CacheIndex cache, std::uint64_t id,
              Xid (*next_xid)()) {
    const TrackedWriter guard(block);
    Slot slot;
    // A cache that goes has lost its id before it is forgotten here.
    if (!block.is(cache, id) || !find(block, relation, &slot) || !has(slot.announced, cache)) {
        return false;
    }
    if (has(slot.complete, cache)) return true;
    if (!serve_from_next_xid(block, cache, next_xid)) return false;
    put(slot.complete, cache, true);
    note_change(block);
    return true;
}

bool disprove(const Block& block, CacheIndex cache, std::uint64_t id, std::uint64_t derivation,
              Xid (*next_xid)()) {
    const TrackedWriter guard(block);
    if (!block.is(cache, id)) return false;
    CacheControl& c = block.caches[cache];
    // Who comes late with an older one must not undo what a newer one has come to.
    if (load_relaxed(c.disproven) >= derivation) return true;
    store_release(c.disproven, derivation);
    if (!serve_from_next_xid(block, cache, next_xid)) return false;
    note_change(block);
    return true;
}

bool is_disproven(const Block& block, CacheIndex cache, std::uint64_t derivation) {
    // With the lock, so that whoever has said so has also seen to those from before.
    const LockGuard guard(block.locks, kTrackedLock, LockGuard::kShared);
    return load_relaxed(block.caches[cache].disproven) >= derivation;
}

void forget_relation(const Block& block, RelationKey relation) {
    const TrackedWriter guard(block);
    Slot slot;
    if (!find(block, relation, &slot)) return;
    clear(block, slot);
    shorten_run(block, slot.index);
    note_change(block);
}

void forget_tracked(const Block& block, CacheIndex cache) {
    const TrackedWriter guard(block);
    for (std::uint32_t i = 0; i <= mask_of(block); ++i) {
        const Slot slot = slot_at(block, i);
        if (load_relaxed(*slot.key) == 0 || !has(slot.announced, cache)) continue;
        put(slot.announced, cache, false);
        put(slot.complete, cache, false);
        shorten_run(block, i);
    }
    note_change(block);
}

std::uint64_t tracked_changes(const Block& block) {
    return load_acquire(block.header->tracked_changes);
}

std::uint32_t tracked_relations(const Block& block, std::uint32_t database, RelationKey* out) {
    std::uint32_t count = 0;
    for (std::uint32_t i = 0; i <= mask_of(block); ++i) {
        const Slot slot = slot_at(block, i);
        const RelationKey key = load_relaxed(*slot.key);
        if (key == 0 || is_empty(block, slot)) continue;
        if (out == nullptr) {
            ++count;
        } else if (key >> 32 == database && count < block.header->max_tracked) {
            out[count++] = key;
        }
    }
    return count;
}

TrackingCaches::TrackingCaches(const Block& block, RelationKey relation) {
    Slot slot;
    if (!find(block, relation, &slot)) return;
    announced_ = slot.announced;
    words_ = tracked_words(block.header->max_caches);
    bits_ = load_acquire(announced_[0]);
}

CacheIndex TrackingCaches::next() {
    while (bits_ == 0) {
        if (word_ + 1 >= words_) return kNoCache;
        bits_ = load_acquire(announced_[++word_]);
    }
    const auto bit = static_cast<std::uint32_t>(std::countr_zero(bits_));
    bits_ &= bits_ - 1;
    return word_ * 64 + bit;
}

}  // namespace cache_ext::core
