// DROP EXTENSION, and DROP SCHEMA of its schema: they take all caches of the database along.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/nodes.h"
}

namespace cache_ext::pg {

// The extension, if the statement drops it and the current user may do that; else InvalidOid.
Oid dropped_extension(Node* statement);

}  // namespace cache_ext::pg
