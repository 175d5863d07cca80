#include "core/publish.hpp"

#include <algorithm>
#include <cstring>

#include "core/account_writers.hpp"
#include "core/budgets.hpp"
#include "core/hazards.hpp"
#include "core/index.hpp"
#include "core/judge.hpp"
#include "core/memory.hpp"
#include "core/nodes.hpp"
#include "core/opening.hpp"
#include "core/pins.hpp"
#include "core/tags.hpp"

namespace cache_ext::core {
namespace {

// May its entry have an Origin? What a transaction has put after its own writes is of no snapshot
// that others could have; what writers adjust is of many.
bool dated(const Fill& fill) {
    return fill.self == 0 && fill.amounts == 0;
}

// One call, from step to step.
struct Attempt {
    Attempt(const Block& block, const Fill& given, const Snapshot& snapshot, bool is_old,
            bool with_origin)
        : fill(given),
          f(snapshot),
          budget(load_relaxed(block.control(given.cache)->budget)),
          lines(account_lines(*block.control(given.cache))),
          old(is_old),
          origin(with_origin) {
        // Nobody. So the quick check, which knows no unseen writers, says nothing about it.
        if (old) unseen.add(0);
    }

    const Fill& fill;
    const Snapshot& f;
    const CacheIndex budget;
    const std::uint32_t lines;  // of the account, if there is one
    const bool old;      // published as an old value: the rings are not asked, but for hard writers
    const bool origin;   // the entry has one
    bool opens = false;  // there is no value yet
    bool take_over = false;        // as in Opening
    Ref used = kNullRef;           // the entry whose account has become this one's
    Seq token = 0;                 // of the account
    std::uint32_t generation = 0;  // of the control block
    Seq cache_seq = 0;             // of the whole-cache ring
    Pins pins;
    Unseen unseen;
    Ref ref = kNullRef;  // the new entry

    std::size_t bytes_for(std::uint32_t unseen_writers, std::uint32_t spans) const {
        return Entry::bytes_for(
            fill.tag_count, unseen_writers, fill.key.size, fill.value_bytes,
            {.period = fill.period.bounded(),
             .origin = origin,
             .account = fill.amounts != 0 ? Account::bytes_for(fill.amounts, lines) : 0,
             .spans = spans});
    }
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
    if (a->old) return sees_hard(c, a->f) ? PublishResult::kPublished : PublishResult::kUnusable;
    if (!c.whole.unseen_by(tag, a->f, &a->unseen, a->fill.self)) {
        return c.whole.usable(a->f) ? PublishResult::kUnseenWriters : PublishResult::kUnusable;
    }
    return PublishResult::kPublished;
}

std::uint32_t ranged_tags(const Fill& fill) {
    if (fill.tag_ranged == nullptr) return 0;
    const bool* ranged = fill.tag_ranged;
    return static_cast<std::uint32_t>(std::count(ranged, ranged + fill.tag_count, true));
}

// Pins the tags and allocates. What is large comes before the rings of its own tags, which would
// lie in its way. `most`: bytes, if every unseen writer that an entry can remember is met.
PublishResult gather(const Block& block, std::size_t most, Attempt* a) {
    const Fill& fill = a->fill;
    const bool large = most > block.arena.max_allocation() / 64;
    if (large) {
        a->ref = allocate(block, most, fill.key.hash, a->budget);
        if (a->ref == kNullRef) return PublishResult::kNoMemory;
    }
    const PublishResult result = pin(block, fill, a->f, &a->pins, a->old ? nullptr : &a->unseen);
    if (result != PublishResult::kPublished || large) return result;
    const std::size_t bytes = a->bytes_for(a->unseen.count, a->pins.span_count);
    a->ref = allocate(block, bytes, fill.key.hash, a->budget);
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
    e->opened = a.opens ? 1 : 0;
    e->flags = fill.is_null ? Entry::kNullFlag : 0;
    if (fill.packed) e->flags |= Entry::kPackedFlag;
    if (fill.put) e->flags |= Entry::kPutFlag;
    if (fill.early && fill.expires_at != kNever) e->flags |= Entry::kEarlyFlag;
    std::copy_n(a.pins.ref, a.pins.count, e->tags());
    if (fill.key.size > 0) std::memcpy(e->key(), fill.key.bytes, fill.key.size);
    if (fill.period.bounded()) {
        e->flags |= Entry::kPeriodFlag;
        *e->period_place() = fill.period;
    }
    if (a.old) e->flags |= Entry::kOldFlag;
    if (a.origin) {
        e->flags |= Entry::kOriginFlag;
        *e->origin() = {a.f.xmax, count_running(a.f), 0, a.old ? Millis{e->calculated_at} : kNever,
                        fill.refresh_from};
    }
    std::copy_n(a.pins.span, a.pins.span_count, e->spans());
    if (fill.amounts != 0) {
        e->flags |= Entry::kAccountFlag;
        e->account()->init(fill.amounts, fill.groups, a.lines);
    } else if (fill.value_bytes > 0) {
        std::memcpy(e->value(), fill.value, fill.value_bytes);
    }
}

// What a->f is blind to of the key, when the entry is about to be linked. Partition lock.
PublishResult check_key(const Block& block, Entry* e, Attempt* a) {
    const Fill& fill = a->fill;
    if (fill.amounts != 0) {
        if (a->opens && !a->take_over && find_opened(block, fill.cache, fill.key, 0) != kNullRef) {
            return PublishResult::kSuperseded;
        }
        const PublishResult result = settle_account(block, fill, a->f, e, &a->used);
        a->token = e->account()->opened;
        if (result == PublishResult::kUnseenWriters) {
            want_more_lines(block.caches[fill.cache], a->lines);
        }
        return result;
    }
    const WriterRing& ring = *block.slot(e->hash);
    e->key_seq = ring.last_seq;
    if (a->old) return PublishResult::kPublished;
    if (!ring.usable(a->f)) return PublishResult::kUnusable;
    if (!ring.unseen_by(e->hash, a->f, &a->unseen, fill.self) ||
        a->unseen.count > e->unseen_count) {
        return PublishResult::kUnseenWriters;
    }
    return PublishResult::kPublished;
}

// Is the new entry blind to a writer, so that one that is not is the better one?
bool is_blind(const Attempt& a, const Entry& e) {
    return a.unseen.count > 0 || (e.has_account() && e.account()->unclear());
}

// What link() has done.
struct Linked {
    bool decided;  // else nothing: the budget has no room yet
    PublishResult result = PublishResult::kPublished;
    Ref replaced = kNullRef;  // unlinked in its favour
};

// Does an entry make room for an old value of the same key? One that others may still be served is
// worth more than a value for f alone.
bool gives_way(const Block& block, const Entry& known, const Attempt& a) {
    if (known.has_origin()) {
        return known.origin()->not_after(a.f, false) && !known.origin()->same(a.f);
    }
    // Who loads ahead has a new snapshot, unless his transaction is older than what is there.
    const bool newer = a.fill.ahead && known.calculated_at <= a.fill.calculated_at;
    return newer || known.is_old() || known.expired(block.clock.now());
}

// Puts the new entry into the index, in place of the one that is there, or finds that it may not be
// published after all. Budget lock. anyway: whether or not the budget has room.
Linked link(const Block& block, Attempt* a, bool anyway) {
    const Fill& fill = a->fill;
    Entry* e = block.entry(a->ref);
    const PartitionWriter guard(block, partition_of(e->hash));
    if (!still(block, fill.cache, a->generation) || !still(block, a->pins)) {
        return {true, PublishResult::kNoCache};
    }
    const PublishResult blind = check_key(block, e, a);
    if (blind != PublishResult::kPublished) return {true, blind};
    const Ref known = a->opens ? a->used : find_entry(block, fill.cache, fill.key);
    if (fill.conditional && known != fill.instead_of) return {true, PublishResult::kChanged};
    std::uint64_t freed = 0;
    std::uint64_t more = a->opens ? 0 : 1;
    if (known != kNullRef) {
        const Entry& old = *block.entry(known);
        if (a->old && !gives_way(block, old, *a)) return {true, PublishResult::kSuperseded};
        // A slow fill that ends after a newer one, or a load that was repeated for nothing. A value
        // that was put stays whenever the load of a read began: it was put after that read's look.
        if (!a->old && !fill.replace && !fill.conditional && !a->opens &&
            !old.expired(block.clock.now()) && newest_state(block, old) &&
            (is_blind(*a, *e) || old.calculated_at > fill.calculated_at ||
             (old.is_put() && !fill.ahead))) {
            return {true, PublishResult::kSuperseded};
        }
        // Otherwise every refresh in a full budget would cost another entry its place.
        if (old.budget == e->budget) {
            freed = block.arena.gross_bytes(known);
            more = 0;
        }
    }
    const bool closes = !a->opens && a->used != kNullRef;
    if (closes && block.entry(a->used)->budget == e->budget) {
        freed += block.arena.gross_bytes(a->used);
    }
    const std::uint64_t gross = block.arena.gross_bytes(a->ref);
    if (!anyway && !has_room(block.caches[e->budget], gross, freed, more)) return {false};
    std::copy_n(a->unseen.xid, e->unseen_count, e->unseen());
    if (known != kNullRef) {
        // Before readers can find the new one: they raise it. A refresh is no use of the entry; a
        // load because the old value could not be served is.
        e->frequency = load_relaxed(block.entry(known)->frequency);
        if (!fill.replace) EvictionQueue::touch(e);
        // Of an old value of a cache without stale_for nobody makes a use that could be counted.
        if (a->old) e->hits = fill.ahead ? load_relaxed(block.entry(known)->hits) : 1;
        unlink_entry(block, known);
    }
    if (closes) {
        unlink_entry(block, a->used);
        bury_entry(block, a->used);
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
        if (a->used != kNullRef) collect_dead(block, a->budget);
    }
    return linked.result;
}

bool sound_amounts(const Attempt& a) {
    const Fill& fill = a.fill;
    return fill.amounts == 0 ||
           (ranged_tags(fill) == 0 && (a.opens || fill.value != nullptr) &&
            fill.amounts <= kMaxAmounts && fill.value_bytes == fill.amounts * sizeof(Amount) &&
            !fill.is_null && !fill.packed && fill.self == 0);
}

// All of it, once. `most`: bytes, if every unseen writer that an entry can remember is met.
PublishResult attempt(const Block& block, std::size_t most, Attempt* a) {
    PublishResult result = check_cache(block, a);
    if (result == PublishResult::kPublished) result = gather(block, most, a);
    if (result == PublishResult::kPublished) {
        write_entry(block, *a);
        result = enter(block, a);
    }
    if (result != PublishResult::kPublished) {
        unpin(block, a->pins.ref, a->pins.count);
        if (a->ref != kNullRef) release_memory(block, a->ref);
    }
    return result;
}

// A fill that cannot be judged, for the reason given: an old value, if it may be kept as one.
PublishResult keep(const Block& block, const Fill& fill, const Snapshot& f, PublishResult because) {
    const CacheControl& c = *block.control(fill.cache);
    Attempt a(block, fill, f, true, true);
    const std::size_t most = a.bytes_for(kMaxUnseen, ranged_tags(fill));
    if (most > block.max_entry_bytes()) return because;
    const PublishResult result = attempt(block, most, &a);
    if (result == PublishResult::kPublished) {
        return because == PublishResult::kUnusable ? PublishResult::kOldUnusable
                                                   : PublishResult::kOldUnseen;
    }
    // What is there was computed later, and is served as an old value.
    const bool better = result == PublishResult::kSuperseded && load_relaxed(c.stale_for) > 0;
    return better ? result : because;
}

PublishResult run(const Block& block, Attempt* first) {
    Attempt& a = *first;
    const Fill& fill = a.fill;
    const CacheControl& c = *block.control(fill.cache);
    const bool keeps = fill.keep && dated(fill);
    const std::uint64_t max_bytes = load_relaxed(block.caches[a.budget].max_bytes);
    const std::size_t most = a.bytes_for(kMaxUnseen, ranged_tags(fill));
    if (!is_entry(fill.key.hash)) return PublishResult::kNoMemory;  // two of 2^64 are labels
    if (most > block.max_entry_bytes() || (max_bytes != 0 && Arena::gross_size(most) > max_bytes)) {
        return PublishResult::kOversized;
    }
    if (!sound_amounts(a)) return PublishResult::kUnusable;
    PublishResult result = attempt(block, most, &a);
    if (keeps && (result == PublishResult::kUnusable || result == PublishResult::kUnseenWriters)) {
        result = keep(block, fill, a.f, result);
    }
    if (result != PublishResult::kPublished && result != PublishResult::kOldUnusable &&
        result != PublishResult::kOldUnseen) {
        return result;
    }
    // Evictions of this cache: all are counted in this stripe.
    const std::uint64_t evictions =
        load_relaxed(c.counters.stripes[fill.cache % kStripes]
                         .value[static_cast<std::uint32_t>(Counter::kEvictions)]);
    if (evictions > 0) grow_ghosts(block, a.budget, evictions);
    return result;
}

}  // namespace

PublishResult publish(const Block& block, const Fill& fill, const Snapshot& f) {
    const bool origin = dated(fill) && load_relaxed(block.control(fill.cache)->stale_for) > 0;
    Attempt a(block, fill, f, false, origin);
    return run(block, &a);
}

Opened open_account(const Block& block, const Opening& opening, const Snapshot& f) {
    Fill fill;
    fill.cache = opening.cache;
    fill.cache_id = opening.cache_id;
    fill.key = opening.key;
    fill.amounts = opening.amounts;
    fill.groups = opening.groups;
    fill.value_bytes = static_cast<std::uint32_t>(opening.amounts * sizeof(Amount));
    fill.calculated_at = block.clock.now();
    fill.expires_at = fill.calculated_at + kOpenFor;
    Attempt a(block, fill, f, false, false);
    a.opens = true;
    a.take_over = opening.take_over;
    const PublishResult result = run(block, &a);
    return {result, result == PublishResult::kPublished ? a.token : 0};
}

}  // namespace cache_ext::core
