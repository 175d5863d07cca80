#include "core/listing.hpp"

#include <cstring>

#include "core/early.hpp"
#include "core/index.hpp"

namespace cache_ext::core {

std::uint32_t list_entries(const Block& block, std::uint32_t partition, const Snapshot& s,
                           Listing* listing) {
    std::uint32_t n = 0, used = 0;
    const Millis now = block.clock.now();
    const PartitionReader guard(block, partition);
    for_each_entry(block, partition, [&](Ref ref) {
        const Entry* e = block.entry(ref);
        if (e->is_opened()) return;
        if (n < listing->capacity && used + e->key_bytes <= listing->keys_capacity) {
            EntryInfo& info = listing->entries[n];
            info.cache = e->cache;
            info.hash = e->hash;
            info.key_bytes = e->key_bytes;
            info.gross_bytes = static_cast<std::uint32_t>(block.arena.gross_bytes(ref));
            info.hits = load_relaxed(e->hits);
            info.load_us = e->load_us;
            info.calculated_at = e->calculated_at;
            info.expires_at = e->expires_at();
            info.result = judge_time(block, *e, now);
            if (info.result == LookupResult::kHit) info.result = judge(block, *e, s);
            std::memcpy(listing->keys + used, e->key(), e->key_bytes);
        }
        ++n;
        used += e->key_bytes;
    });
    listing->keys_needed = used;
    return n;
}

void visit_candidates(const Block& block, const CandidateSearch& search, const Snapshot& s,
                      const CandidateVisitor& visitor) {
    const Millis now = block.clock.now();
    const PartitionReader guard(block, search.partition);
    for_each_entry(block, search.partition, [&](Ref ref) {
        const Entry* e = block.entry(ref);
        if (e->refresh_after == UINT32_MAX || block.caches[e->cache].database != search.database ||
            load_relaxed(e->refresh_claimed) != 0 || e->expired(now) ||
            refresh_point(block, *e) > search.until || judge(block, *e, s) != LookupResult::kHit) {
            return;
        }
        visitor.visit({e->cache, e->hash, e->key(), e->key_bytes, load_relaxed(e->hits), e->load_us,
                       refresh_point(block, *e), e->expires_at()},
                      visitor.context);
    });
}

}  // namespace cache_ext::core
