// Casts that no query has in it: what a function returns, or puts into a variable, is made the type
// that is wanted there, by functions that somebody may have made.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace cache_ext::pg {

// Can a value of one type become one of the other without a look at what is_plain_function()
// (plain_calls.hpp) does not know?
bool is_cast_plainly(Oid from, Oid to);
// The types of the columns that a query gives, as a list of Oids.
List* types_returned(const Query* query);

}  // namespace cache_ext::pg
