#include "core/publish.hpp"

#include <algorithm>
#include <cstring>

#include "core/budgets.hpp"
#include "core/hazards.hpp"
#include "core/index.hpp"
#include "core/judge.hpp"
#include "core/memory.hpp"
#include "core/nodes.hpp"
#include "core/pins.hpp"

namespace cache_ext::core {
namespace {

// One call of publish(), from step to step.
struct Attempt {
    Attempt(const Fill& given, const Snapshot& snapshot, CacheIndex queue)
        : fill(given), f(snapshot), budget(queue) {}

    const Fill& fill;
    const Snapshot& f;
    const CacheIndex budget;
    std::uint32_t generation = 0;  // of the control block
    Seq cache_seq = 0;             // of the whole-cache ring
    Pins pins;
    Unseen unseen;
    Ref ref = kNullRef;  // the new entry
};

// What f is blind to of the whole cache. kPublished: go on.
PublishResult check_cache(const Block& block, Attempt* a) {
    const CacheControl& c = *block.control(a->fill.cache);
    const Tag tag = load_relaxed(c.whole_tag);
    const PartitionReader guard(block, partition_of(tag));
    // 0: being released. Else release_cache() needs this lock before the ring changes hands.
    if (tag == 0 || load_relaxed(c.whole_tag) != tag ||
        !block.is(a->fill.cache, a->fill.cache_id)) {
        return PublishResult::kNoCache;
    }
    a->generation = load_relaxed(c.generation);
    a->cache_seq = c.whole.last_seq;
    if (!c.whole.unseen_by(tag, a->f, &a->unseen, a->fill.self)) {
        return c.whole.usable(a->f) ? PublishResult::kUnseenWriters : PublishResult::kUnusable;
    }
    return PublishResult::kPublished;
}

// Pins the tags and allocates. What is large comes before the rings of its own tags, which would
// lie in its way. `most`: bytes, if every unseen writer that an entry can remember is met.
PublishResult gather(const Block& block, std::size_t most, Attempt* a) {
    const Fill& fill = a->fill;
    const bool large = most > block.arena.max_allocation() / 64;
    if (large) {
        a->ref = allocate(block, most, fill.key.hash);
        if (a->ref == kNullRef) return PublishResult::kNoMemory;
    }
    const PublishResult result = pin(block, fill, a->f, &a->pins, &a->unseen);
    if (result != PublishResult::kPublished || large) return result;
    const std::size_t bytes = Entry::bytes_for(fill.tag_count, a->unseen.count, fill.key.size,
                                               fill.value_bytes, fill.period.bounded());
    a->ref = allocate(block, bytes, fill.key.hash);
    return a->ref == kNullRef ? PublishResult::kNoMemory : PublishResult::kPublished;
}

// All but what is settled under the partition lock, in link().
void write_entry(const Block& block, const Attempt& a) {
    const Fill& fill = a.fill;
    Entry* e = block.entry(a.ref);
    init_labelled(e);
    e->cache = static_cast<std::uint16_t>(fill.cache);
    e->budget = static_cast<std::uint16_t>(a.budget);
    e->value_bytes = fill.value_bytes;
    e->key_bytes = static_cast<std::uint16_t>(fill.key.size);
    e->tag_count = static_cast<std::uint8_t>(fill.tag_count);
    e->unseen_count = static_cast<std::uint8_t>(a.unseen.count);
    e->cache_seq = a.cache_seq;
    // It ends when it should, even before it begins.
    e->calculated_at = std::min(fill.calculated_at, fill.expires_at);
    e->lifetime = Lifetime::between(e->calculated_at, fill.expires_at);
    e->refresh_after = fill.refresh_after;
    e->load_us = fill.load_us;
    e->flags = fill.is_null ? Entry::kNullFlag : 0;
    if (fill.packed) e->flags |= Entry::kPackedFlag;
    std::copy_n(a.pins.ref, a.pins.count, e->tags());
    if (fill.key.size > 0) std::memcpy(e->key(), fill.key.bytes, fill.key.size);
    if (fill.value_bytes > 0) std::memcpy(e->value(), fill.value, fill.value_bytes);
    if (fill.period.bounded()) {
        e->flags |= Entry::kPeriodFlag;
        *e->period_place() = fill.period;
    }
}

// What link() has done.
struct Linked {
    bool decided;  // else nothing: the budget has no room yet
    PublishResult result = PublishResult::kPublished;
    Ref replaced = kNullRef;  // unlinked in its favour
};

// Puts the new entry into the index, in place of the one that is there, or finds that it may not be
// published after all. Budget lock. anyway: whether or not the budget has room.
Linked link(const Block& block, Attempt* a, bool anyway) {
    const Fill& fill = a->fill;
    Entry* e = block.entry(a->ref);
    const PartitionWriter guard(block, partition_of(e->hash));
    const WriterRing& ring = *block.slot(e->hash);
    e->key_seq = ring.last_seq;
    if (!still(block, fill.cache, a->generation) || !still(block, a->pins)) {
        return {true, PublishResult::kNoCache};
    }
    if (!ring.usable(a->f)) return {true, PublishResult::kUnusable};
    if (!ring.unseen_by(e->hash, a->f, &a->unseen, fill.self) ||
        a->unseen.count > e->unseen_count) {
        return {true, PublishResult::kUnseenWriters};
    }
    const Ref known = find_entry(block, fill.cache, fill.key);
    std::uint64_t freed = 0;
    if (known != kNullRef) {
        const Entry& old = *block.entry(known);
        // A slow fill that ends after a newer one, or a load that was repeated for nothing.
        if (!fill.replace && !old.expired(block.clock.now()) && newest_state(block, old) &&
            (a->unseen.count > 0 || old.calculated_at > fill.calculated_at)) {
            return {true, PublishResult::kSuperseded};
        }
        // Otherwise every refresh in a full budget would cost another entry its place.
        if (old.budget == e->budget) freed = block.arena.gross_bytes(known);
    }
    const std::uint64_t gross = block.arena.gross_bytes(a->ref);
    if (!anyway && !has_room(block.caches[e->budget], gross, freed)) return {false};
    std::copy_n(a->unseen.xid, e->unseen_count, e->unseen());
    if (known != kNullRef) {
        // Before readers can find the new one: they raise it. A refresh is no use of the entry; a
        // load because the old value could not be served is.
        e->frequency = load_relaxed(block.entry(known)->frequency);
        if (!fill.replace) EvictionQueue::touch(e);
        unlink_entry(block, known);
    }
    link_entry(block, a->ref);
    return {true, PublishResult::kPublished, known};
}

// Links the entry, evicting from its budget as long as that has no room, and gives it its place in
// the queue.
PublishResult enter(const Block& block, Attempt* a) {
    const BudgetHolder guard(block, a->budget);
    collect_dead(block, a->budget);
    Linked linked = link(block, a, false);
    while (!linked.decided) {
        const bool evicted = evict_locked(block, a->budget);
        linked = link(block, a, !evicted);
    }
    EvictionQueue& queue = block.caches[a->budget].queue;
    if (linked.replaced != kNullRef) {
        if (block.entry(linked.replaced)->budget == a->budget) {
            queue.replace(block.arena, linked.replaced, a->ref);
            forget_entry(block, linked.replaced);
            retire_entries(block, linked.replaced);
        } else {
            // Its budget was changed; whoever locks the old one frees it.
            bury_entry(block, linked.replaced);
        }
    }
    if (linked.result == PublishResult::kPublished) {
        if (block.entry(a->ref)->queue == Queue::kNone) {
            queue.insert(block.arena, a->ref, rules_of(block, block.caches[a->budget]));
        }
        count_entry(block, a->ref);
    }
    return linked.result;
}

}  // namespace

PublishResult publish(const Block& block, const Fill& fill, const Snapshot& f) {
    const CacheControl& c = *block.control(fill.cache);
    Attempt a(fill, f, load_relaxed(c.budget));
    const std::uint64_t max_bytes = load_relaxed(block.caches[a.budget].max_bytes);
    const std::size_t most = Entry::bytes_for(fill.tag_count, kMaxUnseen, fill.key.size,
                                              fill.value_bytes, fill.period.bounded());
    if (!is_entry(fill.key.hash)) return PublishResult::kNoMemory;  // two of 2^64 are labels
    if (most > block.max_entry_bytes() || (max_bytes != 0 && Arena::gross_size(most) > max_bytes)) {
        return PublishResult::kOversized;
    }
    PublishResult result = check_cache(block, &a);
    if (result == PublishResult::kPublished) result = gather(block, most, &a);
    if (result == PublishResult::kPublished) {
        write_entry(block, a);
        result = enter(block, &a);
    }
    if (result != PublishResult::kPublished) {
        unpin(block, a.pins.ref, a.pins.count);
        if (a.ref != kNullRef) release_memory(block, a.ref);
        return result;
    }
    // Evictions of this cache: all are counted in this stripe.
    const std::uint64_t evictions =
        load_relaxed(c.counters.stripes[fill.cache % kStripes]
                         .value[static_cast<std::uint32_t>(Counter::kEvictions)]);
    if (evictions > 0) grow_ghosts(block, a.budget, evictions);
    return result;
}

}  // namespace cache_ext::core
