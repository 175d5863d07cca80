#include "core/unlocked.hpp"

#include "core/hazards.hpp"
#include "core/unlocked_account.hpp"

namespace cache_ext::core {
namespace {

constexpr int kMaxSteps = 16;  // along a chain, and no more tags than that

// WriterRing::quick of a ring whose memory may be somebody else's by now.
template <class Ring>
bool quick_unlocked(const Ring& ring, Seq seq, Xid xmin) {
    return load_racing(ring.last_seq) <= seq && load_racing(ring.guard) < xmin;
}

bool judge_unlocked(const Block& block, Ref ref, const Entry& e, const Snapshot& s) {
    // Of writers that adjust the value its account speaks.
    const bool key = e.has_deltas() || quick_unlocked(*block.slot_head(e.hash), e.key_seq, s.xmin);
    if (!key || !quick_unlocked(block.caches[e.cache].whole, e.cache_seq, s.xmin)) {
        return false;
    }
    if (e.tag_count > kMaxSteps) return false;
    const TagRef* tags = block.entry(ref)->tags();
    for (std::uint32_t i = 0; i < e.tag_count; ++i) {
        TagRef t;
        copy_racing(&t, tags + i, sizeof(t));
        const bool whole = t.node == kNullRef;
        if (whole ? t.cache >= block.header->max_caches
                  : !block.arena.holds(t.node, sizeof(TagNode))) {
            return false;
        }
        const WriterRing& ring = whole ? block.caches[t.cache].whole : block.node(t.node)->ring;
        if (!quick_unlocked(ring, t.seq, s.xmin)) return false;
    }
    return true;
}

// Does it hold for this reader? `end`: of the value.
bool in_period_unlocked(const Block& block, const std::uint8_t* end) {
    Period period;
    copy_racing(&period, end, sizeof(period));
    return period.holds(block.clock.reader());
}

}  // namespace

bool lookup_unlocked(const Block& block, CacheIndex cache, const KeyView& key, const Snapshot& s,
                     const LookupOptions& options, Found* found) {
    const bool quiet = options.detail == Detail::kServeQuietly;
    const Partition& p = *block.partition(key.hash);
    const std::uint64_t version = load_acquire(p.version);
    if (version % 2 != 0) return false;

    Entry e;
    Ref ref = load_racing(*block.bucket(key.hash));
    for (int steps = 0;; ref = e.next) {
        if (++steps > kMaxSteps || !block.arena.holds(ref, sizeof(Entry))) return false;
        copy_racing(&e, block.entry(ref), sizeof(e));
        if (e.hash == key.hash && e.cache == cache && e.key_bytes == key.size && !e.is_opened()) {
            break;
        }
    }
    const bool hold = e.value_bytes > options.buffer_bytes;
    if (e.unseen_count != 0 || (hold && e.has_account()) ||
        (hold && (options.hazard == nullptr || !block.may_hold(e.value_bytes))) ||
        !block.arena.holds(ref, Entry::bytes_for(e.tag_count, 0, e.key_bytes, e.value_bytes,
                                                 {.period = e.has_period()}))) {
        return false;
    }
    // A use that has to be noted down needs the lock.
    if (quiet && (e.frequency < kMaxFrequency || e.hits < kCountedHits)) return false;
    const Millis now = e.timed() ? block.clock.now() : 0;
    if (e.expired(now) || (quiet && e.refresh_due(now))) return false;

    const std::uint8_t* bytes =
        reinterpret_cast<const std::uint8_t*>(block.entry(ref)->tags() + e.tag_count);
    if (!equal_racing(bytes, key.bytes, key.size) || !judge_unlocked(block, ref, e, s))
        return false;
    const std::uint8_t* value = bytes + Entry::padded(e.key_bytes);
    if (e.has_period() && !in_period_unlocked(block, value + Entry::padded(e.value_bytes))) {
        return false;
    }
    if (hold) {
        name_held(options.hazard, ref);
        full_fence();
    } else {
        if (e.value_bytes != 0) copy_racing(options.buffer, value, e.value_bytes);
        if (e.has_deltas() &&
            !adjust_unlocked(block, ref, e, value + e.account_offset(), s, options)) {
            return false;
        }
        read_fence();
    }
    if (load_relaxed(p.version) != version) {
        if (hold) let_go(options.hazard);
        return false;
    }
    if (hold) found->held = value;
    found->result = LookupResult::kHit;
    found->is_null = e.is_null();
    found->packed = e.is_packed();
    found->value_bytes = e.value_bytes;
    if (e.has_account()) {
        found->amounts = e.value_bytes / static_cast<std::uint32_t>(sizeof(Amount));
        if (!e.has_deltas() && options.deltas != nullptr) options.deltas->count = 0;
    }
    found->calculated_at = e.calculated_at;
    found->expires_at = e.expires_at();
    found->load_us = e.load_us;
    return true;
}

}  // namespace cache_ext::core
