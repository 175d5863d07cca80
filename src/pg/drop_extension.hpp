// DROP EXTENSION, and DROP SCHEMA of its schema: they take all caches of the database along.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "nodes/nodes.h"
}

namespace cache_ext::pg {

// Does the statement drop the extension, and may the current user do that?
bool drops_extension(Node* statement);

}  // namespace cache_ext::pg
