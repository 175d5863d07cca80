// Statements that need a database without our workers in it.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/nodes.h"
}

namespace cache_ext::pg {

// The database that nobody may be connected to for this statement, or InvalidOid. Whoever may not
// run the statement has no say about our workers.
Oid database_to_leave(Node* statement);

}  // namespace cache_ext::pg
