#include "core/judge.hpp"

#include <algorithm>

namespace cache_ext::core {

void collect_tags(const Block& block, const Entry& e, EntryTags* tags) {
    const auto add = [&](Tag tag, bool is_key, CacheIndex cache, CacheIndex owner) {
        tags->tag[tags->count] = tag;
        tags->is_key[tags->count] = is_key;
        tags->ranged[tags->count] = false;
        tags->owner[tags->count] = owner;
        tags->cache[tags->count++] = cache;
    };
    tags->count = 0;
    tags->period = e.period();
    tags->put = e.is_put();
    add(e.hash, true, kNoCache, e.cache);
    add(load_relaxed(block.caches[e.cache].whole_tag), false, e.cache, kNoCache);
    for (std::uint32_t i = 0; i < e.tag_count; ++i) {
        const TagRef& t = e.tags()[i];
        if (t.node == kNullRef) {
            add(block.tag_of(t), false, t.cache, kNoCache);
        } else {
            add(block.tag_of(t), block.node(t.node)->is_key, kNoCache,
                t.cache == TagRef::kUnknown ? kNoCache : t.cache);
        }
        if (!t.ranged()) continue;
        tags->ranged[tags->count - 1] = true;
        tags->span[tags->count - 1] = e.span_of(t);
    }
}

LookupResult judge_slowly(const Block& block, const Entry& e, const Snapshot& s) {
    if (e.is_old()) return LookupResult::kContradicted;
    const Unseen unseen = e.unseen_set();
    LookupResult result = LookupResult::kHit;
    if (e.has_account() && !e.account()->agrees(s)) {
        return e.account()->usable(s) ? LookupResult::kContradicted : LookupResult::kUnusable;
    }
    all_rings(block, e, [&](const WriterRing& ring, Tag tag, Seq seq) {
        if (!ring.usable(s)) {
            result = LookupResult::kUnusable;
        } else if (!ring.agrees(tag, seq, unseen, s)) {
            result = LookupResult::kContradicted;
        }
        return result == LookupResult::kHit;
    });
    return result;
}

bool fresh_enough(const Block& block, const Entry& e, const Snapshot& s, bool unlisted,
                  Millis now) {
    const Millis stale_for = load_relaxed(block.caches[e.cache].stale_for);
    if (stale_for <= 0 || !e.has_origin() || !e.origin()->not_after(s, unlisted)) return false;
    // That a value must not be served any more is another thing than that it is not the newest.
    if (e.has_period() && (e.period().over(now) || !e.period().holds(block.clock.reader()))) {
        return false;
    }
    const Unseen unseen = e.unseen_set();
    Millis since = std::min(e.expires_at(), e.origin()->old_since);
    const WriterRing* slot = block.slot(e.hash);
    const auto old_only = [&](const WriterRing& ring, Tag tag, Seq seq) {
        // What a slot has dropped has left its mark in old_since.
        const Millis if_dropped = &ring == slot ? kNever : Millis{e.calculated_at};
        return ring.older_since(tag, seq, unseen, if_dropped, s, &since);
    };
    return all_rings(block, e, old_only) && now - stale_for < since;
}

bool of_this_snapshot(const Block& block, const Entry& e, const Snapshot& s) {
    if (!e.has_origin() || !e.origin()->same(s)) return false;
    return all_rings(block, e,
                     [](const WriterRing& ring, Tag, Seq seq) { return ring.last_hard <= seq; });
}

bool newest_state(const Block& block, const Entry& e) {
    // Writers adjust what has an account, as long as they know by what.
    const bool key = e.has_account() ? !e.account()->unclear()
                                     : load_acquire(block.slot(e.hash)->last_seq) <= e.key_seq;
    bool newest = key && e.unseen_count == 0 &&
                  load_acquire(block.caches[e.cache].whole.last_seq) <= e.cache_seq;
    for (std::uint32_t i = 0; newest && i < e.tag_count; ++i) {
        const TagRef& t = e.tags()[i];
        newest = load_acquire(block.ring_of(t).last_seq) <= t.seq;
    }
    return newest;
}

Xid last_writer(const Block& block, const Entry& e) {
    Xid xid = e.has_account() ? e.account()->newest() : 0;
    all_rings(block, e, [&](const WriterRing& ring, Tag tag, Seq) {
        xid = std::max(xid, ring.newest(tag));
        return true;
    });
    return xid;
}

}  // namespace cache_ext::core
