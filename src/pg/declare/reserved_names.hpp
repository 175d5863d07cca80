// Names in the extension's schema that are the extension's, and its caches'.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

void install_reserved_names();
// ERROR 42723 or 42710 if a function or a type beside this one has its name. For what the current
// transaction has just made: what others make at the same time is seen here, or sees this one.
void require_only_one(Oid function);

}  // namespace cache_ext::pg
