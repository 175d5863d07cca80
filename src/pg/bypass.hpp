// Why a read runs the loader although the cache might have had the value, and what is counted.
#pragma once

#include "pg/definitions.hpp"

namespace cache_ext::pg {

// Why a read of this cache by this transaction, now, would not look into the cache; kCount: it
// would.
core::Bypass bypass_reason(const Definition* definition, const Key& key);

// Has this transaction changed something that some cache depends on?
bool own_write_anywhere();
// May this transaction not be served an entry with these tags, because it depends on other caches,
// too, and something that caches depend on was changed here? What bypass_reason knows of is the
// cache itself only.
inline bool own_write_below(const Definition* d, const core::EntryTags& tags) {
    // Of its own it has one per mask, the key's and the whole cache's.
    return tags.count > static_cast<uint32>(d->mask_count) + 2 && own_write_anywhere();
}

// Because of a dependency that does not stand any more; kCount: none, as far as it was looked at.
core::Bypass bypass_for_lapse(const Definition* definition);

// English for the reasons, as cache_explain prints them.
const char* bypass_text(core::Bypass reason);

// Into the cache's counters, unless cache_ext.track is off; no error and no lock.
void count(const Definition* definition, core::Counter counter, uint64 n = 1);
// A value was served that had taken load_us to load.
void count_hit(const Definition* definition, bool stale, uint32 load_us);
void count_bypass(const Definition* definition, core::Bypass reason);

}  // namespace cache_ext::pg
