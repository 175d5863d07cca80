// Invalidation by hand, of the keys that a caller gives.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// ERROR 42501, 55000 or 25006 unless the current user may invalidate keys of the cache here.
void require_invalidating(const Definition* definition, const char* what);

// The key of these arguments: its entries go at once, all that sessions have of it, and it counts
// as changed by this transaction, so that a load that began before its commit does not bring the
// old value back. Returns how many entries have gone.
int64 invalidate_given(const Definition* definition, const Datum* values, const bool* nulls);

// The key counts as changed, and nothing else.
void collect_given(const Definition* definition, const Key& key);

}  // namespace cache_ext::pg
