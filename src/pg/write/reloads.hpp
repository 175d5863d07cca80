// Caches with warm_on_invalidate whose values a transaction invalidates: once it has committed, a
// worker is asked to load the hot ones again.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Before the commit, while definitions can be read: notes the caches of which changed(id) is true.
void collect_reloads(bool (*changed)(uint64 cache_id));
// After it, when others can see what has changed. Raises no error.
void ask_for_reloads();
// The transaction has ended; what was noted lay in its memory.
void forget_reloads();

}  // namespace cache_ext::pg
