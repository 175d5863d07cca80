// Keys of changed rows, by running the key query.
#pragma once

#include "pg/write/path_rows.hpp"

namespace cache_ext::pg {

// May both be looked up by running the query of one of them?
bool same_query_lookup(const Path& a, const Path& b);

// Looks up the rows of paths that are the same in this way, once for all of them, as the caches'
// owner, under the active snapshot, and adds the keys. Never fails: the paths are `whole` instead.
void look_up_by_query(List* paths);

}  // namespace cache_ext::pg
