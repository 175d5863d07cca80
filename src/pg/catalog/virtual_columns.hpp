// Generated columns that are computed when they are read, as PostgreSQL has them from 18 on: no row
// that a trigger or a record holds has a value there.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/bitmapset.h"
}

namespace cache_ext::pg {

// False for a column that is not there.
bool is_virtual(Oid relation, AttrNumber column);
bool has_virtual_column(Oid relation);

// The columns that a virtual one is computed from, numbered from
// FirstLowInvalidHeapAttributeNumber. The relation must be locked.
Bitmapset* columns_behind(Oid relation, AttrNumber column);

}  // namespace cache_ext::pg
