// Key queries that this session keeps prepared, and what it has found out about them.
#pragma once

#include "pg/write/index_paths.hpp"
#include "pg/write/path_rows.hpp"

namespace cache_ext::pg {

// The dependency whose rows these are; nullptr: it is not declared any more.
const Dependency* path_dependency(const Path& p);

// How indexes answer its query; nullptr: they do not, this session does not know yet, or something
// behind the query has changed. Good until the next invalidation message is accepted.
const IndexPath* kept_index_path(const Path& p);

// Prepares the query, or has it from before. As the cache's owner, SPI being connected and the
// tables locked that it is known to read; locks those that it turns out to read. ERROR 55P03 rather
// than wait. Good until SPI_finish().
SPIPlanPtr plan_of_path(const Path& p, const Dependency& dep);

}  // namespace cache_ext::pg
