// A hit without a lock: copy first, then ask the partition's version whether it was all true (a
// sequence lock: Lameter, "Effective synchronization on Linux/NUMA systems", 2005; Boehm, "Can
// seqlocks get along with programming language memory models?", MSPC 2012).
//
// Until the version has been compared, nothing that was read may be believed: the entry may have
// been freed and its memory been given to another one. So every reference is checked against the
// block's bounds before it is followed, every loop is bounded, and nothing is written. What holds
// then: the entry was in the index all the time, and with it the nodes it pins.
#include "core/store.hpp"

namespace cache_ext::core {
namespace {

constexpr int kMaxSteps = 16;  // along a chain, and no more tags than that

}  // namespace

// WriterRing::quick of a ring whose memory may be somebody else's by now.
template <class Ring>
bool Store::quick_unlocked(const Ring& ring, Seq seq, Xid xmin) {
    return load_racing(ring.last_seq) <= seq && load_racing(ring.guard) < xmin;
}

bool Store::judge_unlocked(Ref ref, const Entry& e, const Snapshot& s) const {
    if (!quick_unlocked(*slot_head(e.hash), e.key_seq, s.xmin) ||
        !quick_unlocked(caches_[e.cache].whole, e.cache_seq, s.xmin)) {
        return false;
    }
    if (e.tag_count > kMaxSteps) return false;
    const TagRef* tags = arena_.at<Entry>(ref)->tags();
    for (std::uint32_t i = 0; i < e.tag_count; ++i) {
        TagRef t;
        copy_racing(&t, tags + i, sizeof(t));
        const bool whole = t.node == kNullRef;
        if (whole ? t.cache >= header_->max_caches : !arena_.holds(t.node, sizeof(TagNode))) {
            return false;
        }
        const WriterRing& ring = whole ? caches_[t.cache].whole : arena_.at<TagNode>(t.node)->ring;
        if (!quick_unlocked(ring, t.seq, s.xmin)) return false;
    }
    return true;
}

// True: a hit, and `found` and the buffer are filled in. False says nothing: look under the lock.
bool Store::lookup_unlocked(CacheIndex cache, const KeyView& key, const Snapshot& s,
                            std::uint8_t* buffer, std::uint32_t buffer_bytes, bool quiet,
                            Ref* hazard, Found* found) const {
    const Partition& p = *partition(key.hash);
    const std::uint64_t version = load_acquire(p.version);
    if (version % 2 != 0) return false;

    Entry e;
    Ref ref = load_racing(*bucket(key.hash));
    for (int steps = 0;; ref = e.next) {
        if (++steps > kMaxSteps || !arena_.holds(ref, sizeof(Entry))) return false;
        copy_racing(&e, arena_.at<Entry>(ref), sizeof(e));
        __asm__ volatile("" : "+m"(e));  // what is checked below is this copy, not a second look
        if (e.hash == key.hash && e.cache == cache && e.key_bytes == key.size) break;
    }
    const bool hold = e.value_bytes > buffer_bytes;
    if (e.unseen_count != 0 || (hold && (hazard == nullptr || !may_hold(e.value_bytes))) ||
        !arena_.holds(ref, Entry::bytes_for(e.tag_count, 0, e.key_bytes, e.value_bytes))) {
        return false;
    }
    // A use that has to be noted down needs the lock.
    if (quiet && (e.frequency < kMaxFrequency || e.hits < kCountedHits)) return false;
    const Millis now = e.timed() ? clock_.now() : 0;
    if (e.expired(now) || (quiet && e.refresh_due(now))) return false;

    const std::uint8_t* bytes =
        reinterpret_cast<const std::uint8_t*>(arena_.at<Entry>(ref)->tags() + e.tag_count);
    if (!equal_racing(bytes, key.bytes, key.size) || !judge_unlocked(ref, e, s)) return false;
    const std::uint8_t* value = bytes + Entry::padded(e.key_bytes);
    if (hold) {
        store_relaxed(*hazard, ref);
        full_fence();
    } else {
        if (e.value_bytes != 0) copy_racing(buffer, value, e.value_bytes);
        read_fence();
    }
    if (load_relaxed(p.version) != version) {
        if (hold) let_go(hazard);
        return false;
    }
    if (hold) found->held = value;
    found->result = LookupResult::kHit;
    found->is_null = e.is_null();
    found->packed = e.is_packed();
    found->value_bytes = e.value_bytes;
    found->calculated_at = e.calculated_at;
    found->expires_at = e.expires_at();
    found->load_us = e.load_us;
    return true;
}

}  // namespace cache_ext::core
