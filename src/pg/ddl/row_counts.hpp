// PostgreSQL's own counts of the rows that this transaction has changed.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Are there changes of rows that are still alive? Only those that were made with track_counts on.
bool has_changed_rows(Oid relation);

}  // namespace cache_ext::pg
