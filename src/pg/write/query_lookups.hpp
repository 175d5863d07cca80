// Keys of changed rows, by running the key query.
#pragma once

#include "pg/write/path_rows.hpp"

namespace cache_ext::pg {

// May both be looked up by running the query of one of them?
bool same_query_lookup(const Path& a, const Path& b);

// Looks up the rows of paths that are the same in this way, once for all of them, as the caches'
// owner, under the active snapshot, and adds the keys. Never fails: the paths are `whole` instead.
// With `unless_indexes` false is returned, and nothing has been looked up, if it turns out that
// indexes answer the query (index_lookups.hpp): the first time that a session comes to it.
bool look_up_by_query(List* paths, bool unless_indexes);

}  // namespace cache_ext::pg
