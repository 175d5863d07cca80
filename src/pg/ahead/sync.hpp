// Keeping a cache in step with its tables: all values are loaded by one query (load_all) and
// compared with what is cached.
#pragma once

#include "pg/catalog/loading_state.hpp"

namespace cache_ext::pg {

// Loads everything under the active snapshot, then replaces what differs, adds what is new, and
// removes what has no row any more; values that agree live on for another ttl. A removed value is
// simply loaded again when somebody asks. Until the query has succeeded nothing is changed.
//
// The caller has checked that there is a load_all. ERROR 55000 where nothing can be published now,
// 21000 if a key comes twice; the function's own errors pass unchanged. Counts both ways.
SyncCounts sync_cache(const Definition* definition);

}  // namespace cache_ext::pg
