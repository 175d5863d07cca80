// Keys of changed rows, by the indexes that answer the key query (index_paths.hpp).
#pragma once

#include "pg/write/path_rows.hpp"

namespace cache_ext::pg {

// Do indexes find the same rows for both?
bool same_index_lookup(const Path& a, const Path& b);

// Looks up the rows of paths that are the same in this way, once for all of them, under the active
// snapshot, and adds the keys. False: the query has to be run, and nothing has been added. Trouble
// makes the paths `whole`: a lock of somebody else's, cache_ext.path_timeout, a cancel, which stays
// pending.
bool look_up_by_index(List* paths);

}  // namespace cache_ext::pg
