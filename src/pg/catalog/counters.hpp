// What is counted of a cache: reads and their outcomes, and why the cache was not used.
//
// Counters lie in the cache's control block; who counts takes no lock, and nothing is counted while
// cache_ext.track is off.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// Adds to a counter of the cache; where it has no control block, nothing. No error.
void count(const Definition* definition, core::Counter counter, uint64 n = 1);
// A value of the key was served, which had taken load_us to load. The cache must have a control
// block.
void count_hit(const Definition* definition, bool stale, const Key& key, uint32 load_us);
// A read ran the loader for this reason; makes the control block if there is none yet.
void count_bypass(const Definition* definition, core::Bypass reason);

// English for the reasons, as cache_explain prints them; "" for kNone.
const char* bypass_text(core::Bypass reason);

}  // namespace cache_ext::pg
