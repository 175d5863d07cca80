// EXPLAIN (CACHE_EXT): what a statement has read of the caches.
#pragma once

namespace cache_ext::pg {

// Once, in _PG_init. Before PostgreSQL 18 there is no such option.
void install_cache_option();

}  // namespace cache_ext::pg
