// Why a read runs the loader although the cache might have had the value, and what is counted.
#pragma once

#include "pg/definitions.hpp"

namespace cache_ext::pg {

// Why a read of this cache by this transaction, now, would not look into the cache; kCount: it
// would.
core::Bypass bypass_reason(const Definition* definition, const Key& key);

// May this transaction not be served an entry with these tags, because it depends on other caches,
// too, and something that caches depend on was changed here? What bypass_reason knows of is the
// cache itself only.
bool own_write_below(const Definition* definition, const core::EntryTags& tags);

// English for the reasons, as cache_explain prints them.
const char* bypass_text(core::Bypass reason);

// Into the cache's counters, unless cache_ext.track is off; no error and no lock.
void count(const Definition* definition, core::Counter counter, uint64 n = 1);
void count_bypass(const Definition* definition, core::Bypass reason);

}  // namespace cache_ext::pg
