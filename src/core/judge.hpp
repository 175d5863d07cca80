// An entry and the rings of its tags: may a snapshot be served it? (The rule: writers.hpp.)
//
// All functions: the partition lock of the entry, shared or exclusive unless they say otherwise. It
// keeps the entry, its slot and the nodes it pins alive.
#pragma once

#include <cstdint>

#include "core/block.hpp"

namespace cache_ext::core {

enum class LookupResult : std::uint8_t {
    kHit,
    kAbsent,
    kExpired,
    kContradicted,  // a writer of one of its tags is seen by only one of fill and reader
    kUnusable,      // the snapshot cannot judge the tags (and could not publish either)
    kNotYet,        // it holds for readers of later times
    kStale,         // expired or contradicted, but not for longer than the cache allows: served
    kTooSmall       // valid, but larger than the buffer, and it may not be held
};

// What an entry depends on, for a load that has read it.
struct EntryTags {
    std::uint32_t count = 0;
    Tag tag[kMaxTags + 2];
    bool is_key[kMaxTags + 2];
    CacheIndex cache[kMaxTags + 2];  // as Fill::tag_cache
    CacheIndex owner[kMaxTags + 2];  // as Fill::tag_owner, of the entry's own key, too
    bool ranged[kMaxTags + 2];
    Span span[kMaxTags + 2];  // of the ranged ones
    Period period;            // set with them
    bool put = false;         // the entry is one that was put
};
void collect_tags(const Block& block, const Entry& e, EntryTags* tags);

// kHit, kExpired or kNotYet: what time alone says.
inline LookupResult judge_time(const Block& block, const Entry& e, Millis now) {
    if (e.has_period()) {
        const Period period = e.period();
        const Micros reader = block.clock.reader();
        if (reader < period.since) return LookupResult::kNotYet;
        // The other clock is a coarse one, and this reader may be of a time that it has not
        // reached.
        if (reader >= period.until) return LookupResult::kExpired;
    }
    return e.expired(now) ? LookupResult::kExpired : LookupResult::kHit;
}

// kHit, kContradicted or kUnusable; time is another matter. What is_old() is contradicted.
LookupResult judge_slowly(const Block& block, const Entry& e, const Snapshot& s);
inline LookupResult judge(const Block& block, const Entry& e, const Snapshot& s) {
    bool quick = e.unseen_count == 0 && !e.has_deltas() &&
                 block.slot(e.hash)->quick(e.key_seq, s.xmin) &&
                 block.caches[e.cache].whole.quick(e.cache_seq, s.xmin);
    for (std::uint32_t i = 0; quick && i < e.tag_count; ++i) {
        const TagRef& t = e.tags()[i];
        quick = block.ring_of(t).quick(t.seq, s.xmin);
    }
    return quick ? LookupResult::kHit : judge_slowly(block, e, s);
}

// Not what the loader would return now, but what it has returned not long ago (Limits::stale_for),
// under a snapshot that is not newer than s. `unlisted`: as Origin::not_after().
bool fresh_enough(const Block& block, const Entry& e, const Snapshot& s, bool unlisted, Millis now);
// Whatever the rings can tell: was it computed under s itself, or one that shows the same? Its
// time is another matter, and the transaction of s must have no XID.
bool of_this_snapshot(const Block& block, const Entry& e, const Snapshot& s);
// Nothing has registered on any of the entry's tags since it was published, whatever instants that
// was about. Exclusive, or an answer that may have grown old.
bool newest_state(const Block& block, const Entry& e);
// The newest writer on record that speaks of this entry at all; 0: none.
Xid last_writer(const Block& block, const Entry& e);

// Calls visit(ring, tag, seq) for the rings of an entry until one returns false, and returns
// whether none did. Of the ring of a ranged tag it is shown what concerns the entry. Takes the
// partition locks of other tags, shared, one at a time; so the caller may hold the entry's only
// shared. An entry with an account has no ring for its key.
template <class Visit>
bool all_rings(const Block& block, const Entry& e, Visit visit) {
    const auto elsewhere = [&](const WriterRing& ring, Tag tag, Seq seq) {
        if (partition_of(tag) == partition_of(e.hash)) return visit(ring, tag, seq);
        const PartitionReader guard(block, partition_of(tag));
        return visit(ring, tag, seq);
    };
    const auto ranged = [&](const TagRef& t) {
        const TagNode& node = *block.node(t.node);
        const auto look = [&] {
            return block.spans_of(node)->against(node.ring, node.tag, t.seq, e.unseen_set(),
                                                 e.span_of(t));
        };
        if (partition_of(node.tag) == partition_of(e.hash)) return visit(look(), node.tag, t.seq);
        const PartitionReader guard(block, partition_of(node.tag));
        return visit(look(), node.tag, t.seq);
    };
    const CacheControl& c = block.caches[e.cache];
    bool all = (e.has_account() || visit(*block.slot(e.hash), e.hash, e.key_seq)) &&
               elsewhere(c.whole, load_relaxed(c.whole_tag), e.cache_seq);
    for (std::uint32_t i = 0; all && i < e.tag_count; ++i) {
        const TagRef& t = e.tags()[i];
        all = t.ranged() ? ranged(t) : elsewhere(block.ring_of(t), block.tag_of(t), t.seq);
    }
    return all;
}

}  // namespace cache_ext::core
