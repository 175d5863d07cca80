// Writing values: publish, remove, sweep.
#include <algorithm>
#include <cstring>

#include "core/store.hpp"

namespace cache_ext::core {

// Nothing has registered on any of the entry's tags since it was published.
bool Store::newest_state(const Entry& e) const {
    bool newest = e.unseen_count == 0 && load_acquire(slot(e.hash)->last_seq) <= e.key_seq &&
                  load_acquire(caches_[e.cache].whole.last_seq) <= e.cache_seq;
    for (std::uint32_t i = 0; newest && i < e.tag_count; ++i) {
        const TagRef& t = e.tags()[i];
        newest = load_acquire(ring_of(t).last_seq) <= t.seq;
    }
    return newest;
}

// Has the cache kept its control block since then? Under a partition lock this stays so for the
// entries of that partition: release() takes each of them before the block can be used again.
bool Store::still(CacheIndex cache, std::uint32_t generation) const {
    return load_acquire(caches_[cache].id) != 0 &&
           load_relaxed(caches_[cache].generation) == generation;
}

bool Store::still(const Pins& pins) const {
    for (std::uint32_t i = 0; i < pins.count; ++i) {
        const TagRef& t = pins.ref[i];
        if (t.node == kNullRef && !still(t.cache, pins.generation[i])) return false;
    }
    return true;
}

// Would the budget keep its limits with one more entry of `bytes`, if another one of `freed` bytes
// (0: none) goes?
bool Store::has_room(const CacheControl& b, std::uint64_t bytes, std::uint64_t freed) {
    const std::uint64_t max_entries = load_relaxed(b.max_entries);
    const std::uint64_t max_bytes = load_relaxed(b.max_bytes);
    return (max_entries == 0 || b.used_entries + (freed == 0 ? 1 : 0) <= max_entries) &&
           (max_bytes == 0 || b.used_bytes - freed + bytes <= max_bytes);
}

// Puts a new entry into the index, in place of the one that is there, or finds that it may not be
// published after all. False, and nothing done: the budget has no room yet, and not `anyway`.
bool Store::link(const Fill& fill, const Snapshot& f, Ref ref, std::uint32_t generation,
                 const Pins& pins, bool anyway, Unseen* unseen, Ref* replaced,
                 PublishResult* result) {
    Entry* e = arena_.at<Entry>(ref);
    CacheControl& c = caches_[fill.cache];
    const std::uint64_t gross = arena_.gross_bytes(ref);
    const auto refused = [&](PublishResult why) {
        *result = why;
        return true;
    };
    PartitionWriter guard(locks_, partitions_, partition_of(e->hash));
    const WriterRing& ring = *slot(e->hash);
    e->key_seq = ring.last_seq;
    if (!still(fill.cache, generation) || !still(pins)) return refused(PublishResult::kNoCache);
    if (!ring.usable(f)) return refused(PublishResult::kUnusable);
    if (!ring.unseen_by(e->hash, f, unseen, fill.self) || unseen->count > e->unseen_count) {
        return refused(PublishResult::kUnseenWriters);
    }
    const Ref known = find_entry(fill.cache, fill.key);
    std::uint64_t freed = 0;
    if (known != kNullRef) {
        const Entry& old = *arena_.at<Entry>(known);
        // A slow fill that ends after a newer one, or a load that was repeated for nothing.
        if (!fill.replace && !old.expired(clock_.now()) && newest_state(old) &&
            (unseen->count > 0 || old.calculated_at > fill.calculated_at)) {
            return refused(PublishResult::kSuperseded);
        }
        // Otherwise every refresh in a full budget would cost another entry its place.
        if (old.budget == e->budget) freed = arena_.gross_bytes(known);
    }
    if (!anyway && !has_room(caches_[e->budget], gross, freed)) return false;
    std::copy_n(unseen->xid, e->unseen_count, e->unseen());
    if (known != kNullRef) {
        // Before readers can find the new one: they raise it. A refresh is no use of the entry; a
        // load because the old value could not be served is.
        e->frequency = load_relaxed(arena_.at<Entry>(known)->frequency);
        if (!fill.replace) EvictionQueue::touch(e);
        unlink(known);
        *replaced = known;
    }
    e->next = *bucket(e->hash);
    *bucket(e->hash) = ref;
    add_relaxed(c.live_entries, 1U);
    add_relaxed(c.live_bytes, gross);
    return true;
}

PublishResult Store::publish(const Fill& fill, const Snapshot& f) {
    CacheControl& c = *control(fill.cache);
    const CacheIndex budget = load_relaxed(c.budget);
    CacheControl& b = caches_[budget];
    const std::uint64_t max_bytes = load_relaxed(b.max_bytes);
    const std::size_t most =
        Entry::bytes_for(fill.tag_count, kMaxUnseen, fill.key.size, fill.value_bytes);
    if (!is_entry(fill.key.hash)) return PublishResult::kNoMemory;  // two of 2^64 are labels
    if (most > max_entry_bytes() || (max_bytes != 0 && Arena::gross_size(most) > max_bytes)) {
        return PublishResult::kOversized;
    }

    Pins pins;
    pins.count = 0;
    Unseen unseen;
    Seq cache_seq;
    std::uint32_t generation;
    {
        const Tag tag = load_relaxed(c.whole_tag);
        LockGuard guard(locks_, partition_lock(tag), LockGuard::kShared);
        // 0: being released. Else release() needs this lock before the ring changes hands.
        if (tag == 0 || load_relaxed(c.whole_tag) != tag || !is(fill.cache, fill.cache_id)) {
            return PublishResult::kNoCache;
        }
        generation = load_relaxed(c.generation);
        cache_seq = c.whole.last_seq;
        if (!c.whole.unseen_by(tag, f, &unseen, fill.self)) {
            return c.whole.usable(f) ? PublishResult::kUnseenWriters : PublishResult::kUnusable;
        }
    }
    // What is large comes before the rings of its own tags, which would lie in its way.
    const bool large = most > arena_.max_allocation() / 64;
    Ref ref = large ? allocate(most, fill.key.hash) : kNullRef;
    PublishResult result =
        large && ref == kNullRef ? PublishResult::kNoMemory : pin(fill, f, &pins, &unseen);
    const std::uint32_t room = unseen.count;
    if (result == PublishResult::kPublished && !large) {
        ref = allocate(Entry::bytes_for(fill.tag_count, room, fill.key.size, fill.value_bytes),
                       fill.key.hash);
        if (ref == kNullRef) result = PublishResult::kNoMemory;
    }
    if (result != PublishResult::kPublished) {
        unpin(pins.ref, pins.count);
        if (ref != kNullRef) release_memory(ref);
        return result;
    }

    Entry* e = arena_.at<Entry>(ref);
    init_labelled(e);
    e->cache = static_cast<std::uint16_t>(fill.cache);
    e->budget = static_cast<std::uint16_t>(budget);
    e->value_bytes = fill.value_bytes;
    e->key_bytes = static_cast<std::uint16_t>(fill.key.size);
    e->tag_count = static_cast<std::uint8_t>(fill.tag_count);
    e->unseen_count = static_cast<std::uint8_t>(room);
    e->cache_seq = cache_seq;
    // It ends when it should, even before it begins.
    e->calculated_at = std::min(fill.calculated_at, fill.expires_at);
    e->lifetime = Lifetime::between(e->calculated_at, fill.expires_at);
    e->refresh_after = fill.refresh_after;
    e->load_us = fill.load_us;
    e->flags = fill.is_null ? Entry::kNullFlag : 0;
    if (fill.packed) e->flags |= Entry::kPackedFlag;
    std::copy_n(pins.ref, pins.count, e->tags());
    if (fill.key.size > 0) std::memcpy(e->key(), fill.key.bytes, fill.key.size);
    if (fill.value_bytes > 0) std::memcpy(e->value(), fill.value, fill.value_bytes);
    const std::size_t gross = arena_.gross_bytes(ref);

    {
        LockGuard budget_guard(locks_, budget_lock(budget), LockGuard::kExclusive);
        collect_dead(budget);
        Ref replaced = kNullRef;
        bool anyway = false;
        while (!link(fill, f, ref, generation, pins, anyway, &unseen, &replaced, &result)) {
            anyway = !evict_under_lock(budget);
        }
        if (replaced != kNullRef) {
            const CacheIndex old_budget = arena_.at<Entry>(replaced)->budget;
            if (old_budget == budget) {
                b.queue.replace(arena_, replaced, ref);
                forget_entry(replaced);
                retire(replaced);
            } else {
                bury(replaced);  // its budget was changed; whoever locks the old one frees it
            }
        }
        if (result == PublishResult::kPublished) {
            if (e->queue == Queue::kNone) {
                b.queue.insert(arena_, ref, rules_of(b));
            }
            store_relaxed(b.used_entries, b.used_entries + 1);
            store_relaxed(b.used_bytes, b.used_bytes + gross);
        }
    }
    if (result != PublishResult::kPublished) {
        unpin(pins.ref, pins.count);
        release_memory(ref);
        return result;
    }
    // Evictions of this cache: all are counted in this stripe.
    const std::uint64_t evictions =
        load_relaxed(c.counters.stripes[fill.cache % kStripes]
                         .value[static_cast<std::uint32_t>(Counter::kEvictions)]);
    if (evictions > 0) grow_ghosts(budget, evictions);
    return result;
}

bool Store::remove(CacheIndex cache, const KeyView& key) {
    CacheIndex budget;
    {
        PartitionWriter guard(locks_, partitions_, partition_of(key.hash));
        const Ref ref = find_entry(cache, key);
        if (ref == kNullRef) return false;
        budget = arena_.at<Entry>(ref)->budget;
        unlink(ref);
        bury(ref);
    }
    LockGuard guard(locks_, budget_lock(budget), LockGuard::kExclusive);
    collect_dead(budget);
    return true;
}

std::uint64_t Store::unlink_entries(CacheIndex cache, std::uint32_t p, KeyFilter filter,
                                    void* context) {
    std::uint64_t n = 0;
    // A cache that goes takes along what hangs in its queue and what follows its ring.
    const bool going = filter == nullptr && load_relaxed(control(cache)->id) == 0;
    const auto reads = [](const Entry& e, CacheIndex other) {
        return std::any_of(e.tags(), e.tags() + e.tag_count,
                           [&](const TagRef& t) { return t.node == kNullRef && t.cache == other; });
    };
    PartitionWriter guard(locks_, partitions_, p);
    const Ref* buckets = buckets_ + std::size_t{p} * header_->buckets_per_partition;
    for (std::uint32_t i = 0; i < header_->buckets_per_partition; ++i) {
        for (Ref ref = buckets[i]; ref != kNullRef;) {
            const Entry* e = arena_.at<Entry>(ref);
            const Ref next = e->next;
            const bool ours =
                e->cache == cache || (going && (e->budget == cache || reads(*e, cache)));
            if (ours && (filter == nullptr || filter(e->key(), e->key_bytes, context))) {
                unlink(ref);
                bury(ref);
                ++n;
            }
            ref = next;
        }
    }
    return n;
}

std::uint64_t Store::remove_all(CacheIndex cache, KeyFilter filter, void* context) {
    std::uint64_t n = 0;
    for (std::uint32_t p = 0; p < kPartitions; ++p) n += unlink_entries(cache, p, filter, context);
    if (n > 0) collect_all_dead();
    reap_now();
    return n;
}

std::uint64_t Store::remove_partition(CacheIndex cache, std::uint32_t p) {
    const std::uint64_t n = unlink_entries(cache, p, nullptr, nullptr);
    if (n == 0) return 0;
    collect_all_dead();
    reap_now();
    return n;
}

std::uint32_t Store::sweep(std::uint32_t p, std::uint32_t* cursor, std::uint32_t max_entries) {
    std::uint32_t looked = 0, freed = 0;
    const Millis now = clock_.now();
    {
        PartitionWriter guard(locks_, partitions_, p);
        const Ref* buckets = buckets_ + std::size_t{p} * header_->buckets_per_partition;
        // Empty buckets take time as well; 16 of them are a line of memory, like an entry at least.
        const std::uint32_t first = *cursor;
        while (*cursor < header_->buckets_per_partition &&
               looked + (*cursor - first) / 16 < max_entries) {
            for (Ref ref = buckets[(*cursor)++]; ref != kNullRef; ++looked) {
                const Entry* e = arena_.at<Entry>(ref);
                const Ref next = e->next;
                if (e->expired(now - load_relaxed(caches_[e->cache].stale_for))) {
                    caches_[e->cache].counters.add(p, Counter::kExpirations);
                    unlink(ref);
                    bury(ref);
                    ++freed;
                }
                ref = next;
            }
        }
        if (*cursor >= header_->buckets_per_partition) *cursor = 0;
    }
    if (freed > 0) collect_all_dead();
    reap_now();
    return freed;
}

void Store::collect_all_dead() {
    for (CacheIndex i = 0; i < header_->max_caches; ++i) {
        if (load_acquire(caches_[i].dead) == kNullRef) continue;
        LockGuard guard(locks_, budget_lock(i), LockGuard::kExclusive);
        collect_dead(i);
    }
}

// --- for tests ---

bool Store::check() const {
    std::uint64_t entries = 0, dead = 0, bytes = 0, pins = 0, refs = 0;
    const auto count = [&](Ref ref) {
        const Entry* e = arena_.at<Entry>(ref);
        bytes += arena_.gross_bytes(ref);
        for (std::uint32_t t = 0; t < e->tag_count; ++t) {
            pins += e->tags()[t].node != kNullRef ? 1 : 0;
        }
    };
    for (std::uint32_t p = 0; p < kPartitions; ++p) {
        for (std::uint32_t i = 0; i < header_->buckets_per_partition; ++i) {
            Ref ref = buckets_[std::size_t{p} * header_->buckets_per_partition + i];
            for (; ref != kNullRef; ref = arena_.at<Entry>(ref)->next) {
                const Entry* e = arena_.at<Entry>(ref);
                if (partition_of(e->hash) != p || e->is_dead() || e->queue == Queue::kNone) {
                    return false;
                }
                ++entries;
                count(ref);
            }
        }
    }
    std::uint64_t used = 0, used_bytes = 0, live = 0;
    for (CacheIndex i = 0; i < header_->max_caches; ++i) {
        const CacheControl& c = caches_[i];
        for (Ref ref = c.dead; ref != kNullRef; ref = arena_.at<Entry>(ref)->next) {
            if (!arena_.at<Entry>(ref)->is_dead() || arena_.at<Entry>(ref)->budget != i)
                return false;
            ++dead;
            count(ref);
        }
        if (c.used_entries != c.queue.entries()) return false;
        if (c.max_entries != 0 && c.used_entries > c.max_entries) return false;
        if (c.max_bytes != 0 && c.used_bytes > c.max_bytes) return false;
        used += c.used_entries;
        used_bytes += c.used_bytes;
        live += c.live_entries;
    }
    for (std::size_t i = 0; i < std::size_t{kPartitions} * header_->slots_per_partition; ++i) {
        if (slot_heads_[i].last_seq != slots_[i].last_seq ||
            slot_heads_[i].guard != slots_[i].guard) {
            return false;
        }
    }
    return entries + dead == used && entries == live && bytes == used_bytes && check_nodes(&refs) &&
           pins == refs && arena_.check();
}

}  // namespace cache_ext::core
