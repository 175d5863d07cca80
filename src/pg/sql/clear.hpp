// Emptying all caches of a database, in two steps: a token is asked for, and handed in.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// For the shared-memory hooks.
size_t clear_bytes();
void attach_clear();

}  // namespace cache_ext::pg
