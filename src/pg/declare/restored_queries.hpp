// Key queries whose rows a restore loads before the definition of their cache.
#pragma once

#include "pg/catalog/definition.hpp"

namespace cache_ext::pg {

// A definition is about to be inserted by a restore: from now on it is known as whom, and with
// which search_path, the queries of rows that are there already are analysed, and so what they
// mean. Waits for whoever is inserting dependencies, and keeps others from it until the transaction
// ends. A query that cannot be analysed stays without a meaning, and is not run.
void note_restored_queries(const Definition* definition);

}  // namespace cache_ext::pg
