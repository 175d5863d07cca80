// Reading: find an entry, judge it for the reader's snapshot, copy it.
#include <algorithm>
#include <cstring>

#include "core/store.hpp"

namespace cache_ext::core {

Ref Store::find_entry(CacheIndex cache, const KeyView& key) const {
    for (Ref ref = *bucket(key.hash); ref != kNullRef;) {
        const Entry* e = arena_.at<Entry>(ref);
        if (e->hash == key.hash && e->cache == cache && e->key_bytes == key.size &&
            (key.size == 0 || std::memcmp(e->key(), key.bytes, key.size) == 0)) {
            return ref;
        }
        ref = e->next;
    }
    return kNullRef;
}

Tag Store::tag_of(const TagRef& ref) const {
    return ref.node != kNullRef ? arena_.at<TagNode>(ref.node)->tag
                                : load_relaxed(caches_[ref.cache].whole_tag);
}

const WriterRing& Store::ring_of(const TagRef& ref) const {
    return ref.node != kNullRef ? arena_.at<TagNode>(ref.node)->ring : caches_[ref.cache].whole;
}

void Store::collect_tags(const Entry& e, EntryTags* tags) const {
    const auto add = [&](Tag tag, bool is_key, CacheIndex cache) {
        tags->tag[tags->count] = tag;
        tags->is_key[tags->count] = is_key;
        tags->cache[tags->count++] = cache;
    };
    tags->count = 0;
    add(e.hash, true, kNoCache);
    add(load_relaxed(caches_[e.cache].whole_tag), false, e.cache);
    for (std::uint32_t i = 0; i < e.tag_count; ++i) {
        const TagRef& t = e.tags()[i];
        if (t.node == kNullRef) {
            add(tag_of(t), false, t.cache);
        } else {
            add(tag_of(t), arena_.at<TagNode>(t.node)->is_key, kNoCache);
        }
    }
}

// The caller holds the entry's partition lock, shared or exclusive: it keeps the entry, its slot
// and the nodes it pins alive.
LookupResult Store::judge(const Entry& e, const Snapshot& s) const {
    bool quick = e.unseen_count == 0 && slot(e.hash)->quick(e.key_seq, s.xmin) &&
                 caches_[e.cache].whole.quick(e.cache_seq, s.xmin);
    for (std::uint32_t i = 0; quick && i < e.tag_count; ++i) {
        const TagRef& t = e.tags()[i];
        quick = ring_of(t).quick(t.seq, s.xmin);
    }
    return quick ? LookupResult::kHit : judge_slowly(e, s);
}

// Calls visit(ring, tag, seq) for the rings of an entry until one returns false, and returns
// whether none did. Takes the partition locks of other tags, shared, one at a time; so the caller
// may hold the entry's only shared.
template <class Visit>
bool Store::all_rings(const Entry& e, Visit visit) const {
    const auto elsewhere = [&](const WriterRing& ring, Tag tag, Seq seq) {
        if (partition_of(tag) == partition_of(e.hash)) return visit(ring, tag, seq);
        LockGuard guard(locks_, partition_lock(tag), LockGuard::kShared);
        return visit(ring, tag, seq);
    };
    const CacheControl& c = caches_[e.cache];
    bool all = visit(*slot(e.hash), e.hash, e.key_seq) &&
               elsewhere(c.whole, load_relaxed(c.whole_tag), e.cache_seq);
    for (std::uint32_t i = 0; all && i < e.tag_count; ++i) {
        const TagRef& t = e.tags()[i];
        all = elsewhere(ring_of(t), tag_of(t), t.seq);
    }
    return all;
}

LookupResult Store::judge_slowly(const Entry& e, const Snapshot& s) const {
    const Unseen unseen = e.unseen_set();
    LookupResult result = LookupResult::kHit;
    all_rings(e, [&](const WriterRing& ring, Tag tag, Seq seq) {
        if (!ring.usable(s)) {
            result = LookupResult::kUnusable;
        } else if (!ring.agrees(tag, seq, unseen, s)) {
            result = LookupResult::kContradicted;
        }
        return result == LookupResult::kHit;
    });
    return result;
}

// Not what the loader would return now, but what it has returned not long ago.
bool Store::fresh_enough(const Entry& e, const Snapshot& s, Millis now) const {
    const Millis stale_for = load_relaxed(caches_[e.cache].stale_for);
    if (stale_for <= 0) return false;
    const Unseen unseen = e.unseen_set();
    Millis since = e.expires_at();
    return all_rings(e,
                     [&](const WriterRing& ring, Tag tag, Seq seq) {
                         return ring.older_since(tag, seq, unseen, e.calculated_at, s, &since);
                     }) &&
           now - stale_for < since;
}

// The newest writer on record that speaks of this entry at all.
Xid Store::last_writer(const Entry& e) const {
    Xid xid = 0;
    all_rings(e, [&](const WriterRing& ring, Tag tag, Seq) {
        xid = std::max(xid, ring.newest(tag));
        return true;
    });
    return xid;
}

Blame Store::blame(CacheIndex cache, const KeyView& key, const Snapshot& s, EntryTags* tags) const {
    tags->count = 0;
    Blame found;
    {
        LockGuard guard(locks_, partition_lock(key.hash), LockGuard::kShared);
        const Ref ref = find_entry(cache, key);
        if (ref != kNullRef) {
            const Entry& e = *arena_.at<Entry>(ref);
            collect_tags(e, tags);
            const Unseen unseen = e.unseen_set();
            all_rings(e, [&](const WriterRing& ring, Tag tag, Seq seq) {
                found.rule = ring.blame(tag, seq, unseen, s, &found.xid);
                found.tag = tag;
                return found.rule == Rule::kNone;
            });
            return found;
        }
    }
    return blame_for_fill(cache, key, s);
}

Blame Store::blame_for_fill(CacheIndex cache, const KeyView& key, const Snapshot& f) const {
    Blame found;
    Unseen unseen;
    const auto look = [&](const WriterRing& ring, Tag tag) {
        found.tag = tag;
        found.rule = ring.blame(f, &found.xid);
        if (found.rule != Rule::kNone || ring.unseen_by(tag, f, &unseen)) return;
        found.rule = Rule::kBlind;
        found.xid = ring.newest(tag);
    };
    const CacheControl& c = *control(cache);
    const Tag whole = load_relaxed(c.whole_tag);
    {
        LockGuard guard(locks_, partition_lock(whole), LockGuard::kShared);
        look(c.whole, whole);
    }
    if (found.rule != Rule::kNone) return found;
    LockGuard guard(locks_, partition_lock(key.hash), LockGuard::kShared);
    look(*slot(key.hash), key.hash);
    return found;
}

Found Store::lookup(CacheIndex cache, const KeyView& key, const Snapshot& s, std::uint8_t* buffer,
                    std::uint32_t buffer_bytes, Detail detail, EntryTags* tags, bool allow_stale,
                    Ref* hazard) const {
    Found found;
    const bool quiet = detail == Detail::kServeQuietly;
    if ((quiet || detail == Detail::kPeek) && tags == nullptr &&
        (buffer != nullptr || hazard != nullptr) &&
        lookup_unlocked(cache, key, s, buffer, buffer_bytes, quiet, hazard, &found)) {
        return found;
    }
    LockGuard guard(locks_, partition_lock(key.hash), LockGuard::kShared);
    const Ref ref = find_entry(cache, key);
    if (ref == kNullRef) return found;
    Entry* e = arena_.at<Entry>(ref);
    found.is_null = e->is_null();
    found.packed = e->is_packed();
    found.value_bytes = e->value_bytes;
    found.calculated_at = e->calculated_at;
    found.expires_at = e->expires_at();
    found.load_us = e->load_us;
    if (detail == Detail::kInspect) {
        found.hits = load_relaxed(e->hits);
        found.gross_bytes = static_cast<std::uint32_t>(arena_.gross_bytes(ref));
        found.last_writer = last_writer(*e);
    }
    const bool timed = e->timed();
    const Millis now = timed ? clock_.now() : 0;
    const bool expired = e->expired(now);
    found.result = expired ? LookupResult::kExpired : judge(*e, s);
    if (found.result != LookupResult::kHit) {
        if (!allow_stale || found.result == LookupResult::kUnusable ||
            !fresh_enough(*e, s, timed ? now : clock_.now())) {
            return found;
        }
        found.result = LookupResult::kStale;
    }
    if (buffer_bytes < e->value_bytes) {
        if (hazard == nullptr || !may_hold(e->value_bytes)) {
            found.result = LookupResult::kTooSmall;
            return found;
        }
        store_relaxed(*hazard, ref);  // whoever unlinks it needs the lock that is held here
        found.held = e->value();
    }
    if (tags != nullptr) collect_tags(*e, tags);
    if (buffer != nullptr && found.held == nullptr) std::memcpy(buffer, e->value(), e->value_bytes);
    if (quiet || detail == Detail::kServe) {
        EvictionQueue::touch(e);
        if (load_relaxed(e->hits) < kCountedHits) {
            add_relaxed(e->hits, 1U);
        } else if (!quiet) {
            add_relaxed(e->hits, kHitSample);
        }
        // An old value is worth a refresh at once, unless one has just failed.
        const bool asks =
            found.result == LookupResult::kStale && (e->flags & Entry::kPutOffFlag) == 0;
        if (e->refresh_due(now) || asks) {
            found.refresh_due = claim(e->refresh_claimed, std::uint8_t{0}, std::uint8_t{1});
        }
    }
    return found;
}

bool Store::usable(CacheIndex cache, const Snapshot& f) const {
    const CacheControl& c = *control(cache);
    const Tag tag = load_relaxed(c.whole_tag);
    LockGuard guard(locks_, partition_lock(tag), LockGuard::kShared);
    return tag != 0 && load_relaxed(c.whole_tag) == tag && c.whole.usable(f);
}

Predecessor Store::predecessor(CacheIndex cache, const KeyView& key, const std::uint8_t* value,
                               std::uint32_t value_bytes, bool is_null) const {
    LockGuard guard(locks_, partition_lock(key.hash), LockGuard::kShared);
    const Ref ref = find_entry(cache, key);
    if (ref == kNullRef) return {};
    const Entry& e = *arena_.at<Entry>(ref);
    Predecessor p;
    p.known = true;
    p.same = e.is_null() == is_null && e.value_bytes == value_bytes &&
             (value_bytes == 0 || std::memcmp(e.value(), value, value_bytes) == 0);
    p.unwritten = newest_state(e);
    if (e.expires_at() != kNever) p.ttl = e.expires_at() - e.calculated_at;
    return p;
}

void Store::release_refresh_claim(CacheIndex cache, const KeyView& key, Millis delay) const {
    PartitionWriter guard(locks_, partitions_, partition_of(key.hash));
    const Ref ref = find_entry(cache, key);
    if (ref == kNullRef) return;
    Entry* e = arena_.at<Entry>(ref);
    // Not negative, should the clock have been set back.
    const Millis after = std::max<Millis>(clock_.now() + delay - e->calculated_at, 0);
    e->refresh_after = after < UINT32_MAX ? static_cast<std::uint32_t>(after) : UINT32_MAX;
    e->flags |= Entry::kPutOffFlag;
    store_relaxed(e->refresh_claimed, 0);
}

std::uint32_t Store::list(std::uint32_t p, const Snapshot& s, EntryInfo* out,
                          std::uint32_t capacity, std::uint8_t* key_buffer,
                          std::uint32_t key_buffer_bytes, std::uint32_t* key_bytes_needed) const {
    std::uint32_t n = 0, used = 0;
    const Millis now = clock_.now();
    LockGuard guard(locks_, kFirstPartitionLock + p, LockGuard::kShared);
    const Ref* buckets = buckets_ + std::size_t{p} * header_->buckets_per_partition;
    for (std::uint32_t b = 0; b < header_->buckets_per_partition; ++b) {
        for (Ref ref = buckets[b]; ref != kNullRef; ref = arena_.at<Entry>(ref)->next) {
            const Entry* e = arena_.at<Entry>(ref);
            if (n < capacity && used + e->key_bytes <= key_buffer_bytes) {
                EntryInfo& info = out[n];
                info.cache = e->cache;
                info.hash = e->hash;
                info.key_bytes = e->key_bytes;
                info.gross_bytes = static_cast<std::uint32_t>(arena_.gross_bytes(ref));
                info.hits = load_relaxed(e->hits);
                info.calculated_at = e->calculated_at;
                info.expires_at = e->expires_at();
                info.result = e->expired(now) ? LookupResult::kExpired : judge(*e, s);
                std::memcpy(key_buffer + used, e->key(), e->key_bytes);
            }
            ++n;
            used += e->key_bytes;
        }
    }
    *key_bytes_needed = used;
    return n;
}

}  // namespace cache_ext::core
