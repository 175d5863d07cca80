// What is left of caches that are not declared (any more): a dump of the schema alone brings back
// their functions and triggers, but not the rows that declare them.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace cache_ext::pg {

// The names of caches that have an accessor but are not declared, as char*; those that the current
// user owns, or all.
List* undeclared_caches(bool all);

}  // namespace cache_ext::pg
