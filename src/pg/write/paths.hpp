// Path dependencies: a changed row reaches its key through a query.
//
// Key queries run at PRE_COMMIT, under a snapshot newer than the announcement of this transaction;
// see paths.cpp for the protocol that makes them exact against concurrent changes of the path
// itself.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// At PRE_COMMIT: turns what was collected (path_rows.hpp) into tags. Never fails; widens to the
// whole cache instead.
void resolve_paths();

}  // namespace cache_ext::pg
