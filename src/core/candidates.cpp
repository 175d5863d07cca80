// Finding entries that are worth a refresh before anybody asks for one.
#include "core/store.hpp"

namespace cache_ext::core {

void Store::candidates(std::uint32_t p, std::uint32_t database, const Snapshot& s, Millis until,
                       CandidateVisitor visit, void* context) const {
    const Millis now = clock_.now();
    LockGuard guard(locks_, kFirstPartitionLock + p, LockGuard::kShared);
    const Ref* buckets = buckets_ + std::size_t{p} * header_->buckets_per_partition;
    for (std::uint32_t b = 0; b < header_->buckets_per_partition; ++b) {
        for (Ref ref = buckets[b]; ref != kNullRef; ref = arena_.at<Entry>(ref)->next) {
            const Entry* e = arena_.at<Entry>(ref);
            if (e->refresh_after == UINT32_MAX || caches_[e->cache].database != database ||
                load_relaxed(e->refresh_claimed) != 0 || e->expired(now) ||
                e->calculated_at + e->refresh_after > until || judge(*e, s) != LookupResult::kHit) {
                continue;
            }
            visit({e->cache, e->hash, e->key(), e->key_bytes, load_relaxed(e->hits), e->load_us,
                   e->calculated_at + e->refresh_after, e->expires_at()},
                  context);
        }
    }
}

bool Store::claim_refresh(CacheIndex cache, const KeyView& key) const {
    const Millis now = clock_.now();
    LockGuard guard(locks_, partition_lock(key.hash), LockGuard::kShared);
    const Ref ref = find_entry(cache, key);
    if (ref == kNullRef) return false;
    Entry* e = arena_.at<Entry>(ref);
    return e->refresh_after != UINT32_MAX && now >= e->calculated_at + e->refresh_after &&
           !e->expired(now) && claim(e->refresh_claimed, std::uint8_t{0}, std::uint8_t{1});
}

}  // namespace cache_ext::core
