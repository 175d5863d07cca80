// Functions as the catalogs have them, whatever the search_path and whoever asks.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Found by exact signature, without the permission checks of a name lookup in a query: readers need
// no USAGE on the loader's schema. InvalidOid: there is none.
Oid find_function(Oid schema, const char* name, int arguments, const Oid* types);

// InvalidOid: there is no such function.
Oid owner_of_function(Oid function);

// Nobody drops or renames it until the transaction ends. ERROR 42883 if it does not exist.
void lock_function(Oid function);

}  // namespace cache_ext::pg
