// Who refreshes an entry: past its refresh point one, and only one, claims it.
#pragma once

#include "core/block.hpp"
#include "core/index.hpp"

namespace cache_ext::core {

// Claims the refresh of an entry as a reader would; false if it is gone, not due, has expired, or
// somebody else has claimed it. No lock.
bool claim_refresh(const Block& block, CacheIndex cache, const KeyView& key);
// Lets the next reader past the refresh point claim the refresh again, `delay` ms from now at the
// earliest. Nothing if nobody has: a newer value was published meanwhile. No lock.
void release_refresh_claim(const Block& block, CacheIndex cache, const KeyView& key, Millis delay);

}  // namespace cache_ext::core
