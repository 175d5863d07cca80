#include "core/refresh.hpp"

#include <algorithm>

namespace cache_ext::core {

bool claim_refresh(const Block& block, CacheIndex cache, const KeyView& key) {
    const Millis now = block.clock.now();
    const PartitionReader guard(block, partition_of(key.hash));
    const Ref ref = find_entry(block, cache, key);
    if (ref == kNullRef) return false;
    Entry* e = block.entry(ref);
    return e->refresh_after != UINT32_MAX && now >= e->calculated_at + e->refresh_after &&
           !e->expired(now) && claim(e->refresh_claimed, std::uint8_t{0}, std::uint8_t{1});
}

void release_refresh_claim(const Block& block, CacheIndex cache, const KeyView& key, Millis delay) {
    const PartitionWriter guard(block, partition_of(key.hash));
    const Ref ref = find_entry(block, cache, key);
    if (ref == kNullRef) return;
    Entry* e = block.entry(ref);
    if (load_relaxed(e->refresh_claimed) == 0) return;  // it is a newer one, and nobody's
    // Not negative, should the clock have been set back.
    Millis from = block.clock.now() + delay;
    if (e->has_origin()) from = std::max(from, e->origin()->refresh_from);
    const Millis after = std::max<Millis>(from - e->calculated_at, 0);
    e->refresh_after = after < UINT32_MAX ? static_cast<std::uint32_t>(after) : UINT32_MAX;
    e->flags |= Entry::kPutOffFlag;
    store_relaxed(e->refresh_claimed, 0);
}

}  // namespace cache_ext::core
