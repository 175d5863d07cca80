#include "core/lookup.hpp"

#include <cstring>

#include "core/early.hpp"
#include "core/hazards.hpp"
#include "core/judge.hpp"
#include "core/unlocked.hpp"

namespace cache_ext::core {
namespace {

// Counts a use, and claims the refresh if it is due. True: it was this call that claimed it.
bool use(const Block& block, Entry* e, const Found& found, Millis now, bool quiet) {
    EvictionQueue::touch(e);
    if (load_relaxed(e->hits) < kCountedHits) {
        add_relaxed(e->hits, 1U);
    } else if (!quiet) {
        add_relaxed(e->hits, kHitSample);
    }
    // An old value is worth a refresh, unless one has just failed, or ended.
    const bool asks = found.result == LookupResult::kStale &&
                      (e->flags & Entry::kPutOffFlag) == 0 && now >= e->origin()->refresh_from;
    return ((e->refresh_due(now) && asks_early(block, *e, now)) || asks) &&
           claim(e->refresh_claimed, std::uint8_t{0}, std::uint8_t{1});
}

// May an entry be served that the rule or its time speaks against? *now, if it has been asked for.
LookupResult judge_otherwise(const Block& block, const Entry& e, const Snapshot& s,
                             const LookupOptions& options, LookupResult result, Millis* now) {
    const OldValues old = options.old;
    if (old == OldValues::kNone) return result;
    const bool timely = result == LookupResult::kContradicted || result == LookupResult::kUnusable;
    if (timely && old != OldValues::kStaleUnlisted && of_this_snapshot(block, e, s)) {
        return LookupResult::kHit;
    }
    if (old == OldValues::kSame) return result;
    if (!e.timed()) *now = block.clock.now();
    const bool unlisted = old == OldValues::kStaleUnlisted;
    return fresh_enough(block, e, s, unlisted, *now) ? LookupResult::kStale : result;
}

// Makes the base in the buffer the value for s. False: it cannot be told here.
bool adjust(const Entry& e, const Snapshot& s, const LookupOptions& options, Found* found) {
    found->amounts = e.account()->amounts;
    if (e.account()->add_seen(s, options.buffer, options.deltas)) return true;
    found->result = LookupResult::kContradicted;
    return false;
}

}  // namespace

Found lookup(const Block& block, CacheIndex cache, const KeyView& key, const Snapshot& s,
             const LookupOptions& options) {
    Found found;
    const bool quiet = options.detail == Detail::kServeQuietly;
    if ((quiet || options.detail == Detail::kPeek) && options.tags == nullptr &&
        (options.buffer != nullptr || options.hazard != nullptr) &&
        lookup_unlocked(block, cache, key, s, options, &found)) {
        return found;
    }
    const PartitionReader guard(block, partition_of(key.hash));
    const Ref ref = find_entry(block, cache, key);
    if (ref == kNullRef) return found;
    Entry* e = block.entry(ref);
    found.is_null = e->is_null();
    found.packed = e->is_packed();
    found.value_bytes = e->value_bytes;
    found.calculated_at = e->calculated_at;
    found.expires_at = e->expires_at();
    found.load_us = e->load_us;
    if (options.detail == Detail::kInspect) {
        found.hits = load_relaxed(e->hits);
        found.gross_bytes = static_cast<std::uint32_t>(block.arena.gross_bytes(ref));
        found.last_writer = last_writer(block, *e);
        found.old = e->is_old();
    }
    Millis now = e->timed() ? block.clock.now() : 0;
    found.result = judge_time(block, *e, now);
    if (found.result == LookupResult::kHit) found.result = judge(block, *e, s);
    if (options.detail == Detail::kInspect && e->has_period()) {
        found.over = e->period().over(now) || e->period().until <= block.clock.reader();
    }
    if (found.result != LookupResult::kHit) {
        found.result = judge_otherwise(block, *e, s, options, found.result, &now);
        if (found.result != LookupResult::kHit && found.result != LookupResult::kStale) {
            return found;
        }
    }
    if (options.buffer_bytes < e->value_bytes) {
        if (options.hazard == nullptr || e->has_account() || !block.may_hold(e->value_bytes)) {
            found.result = LookupResult::kTooSmall;
            return found;
        }
        name_held(options.hazard, ref);  // whoever unlinks it needs the lock that is held here
        found.held = e->value();
    }
    if (options.tags != nullptr) collect_tags(block, *e, options.tags);
    if (options.buffer != nullptr && found.held == nullptr) {
        std::memcpy(options.buffer, e->value(), e->value_bytes);
        if (e->has_account() && !adjust(*e, s, options, &found)) return found;
    }
    if (quiet || options.detail == Detail::kServe)
        found.refresh_due = use(block, e, found, now, quiet);
    return found;
}

NamedEntry name_entry(const Block& block, CacheIndex cache, const KeyView& key, const Snapshot& s,
                      Ref* hazard) {
    NamedEntry named;
    const PartitionReader guard(block, partition_of(key.hash));
    const Ref ref = find_entry(block, cache, key);
    if (ref == kNullRef) return named;
    name_held(hazard, ref);  // whoever unlinks it needs the lock that is held here
    const Entry& e = *block.entry(ref);
    named.ref = ref;
    named.is_null = e.is_null();
    named.packed = e.is_packed();
    named.value = e.value();
    named.value_bytes = e.value_bytes;
    named.result = judge_time(block, e, e.timed() ? block.clock.now() : 0);
    if (named.result == LookupResult::kHit) named.result = judge(block, e, s);
    return named;
}

Predecessor predecessor(const Block& block, CacheIndex cache, const KeyView& key,
                        const ValueView& value) {
    const PartitionReader guard(block, partition_of(key.hash));
    const Ref ref = find_entry(block, cache, key);
    if (ref == kNullRef) return {};
    const Entry& e = *block.entry(ref);
    if (e.has_account()) return {};
    Predecessor p;
    p.known = true;
    p.same = e.is_null() == value.is_null && e.value_bytes == value.size &&
             (value.size == 0 || std::memcmp(e.value(), value.bytes, value.size) == 0);
    p.unwritten = newest_state(block, e);
    // What ended its life early says nothing about how long values of the key hold.
    const bool cut =
        e.has_period() &&
        e.lifetime.packed == Lifetime::between(e.calculated_at, e.period().end()).packed;
    if (e.expires_at() != kNever && !cut) p.ttl = e.expires_at() - e.calculated_at;
    return p;
}

}  // namespace cache_ext::core
