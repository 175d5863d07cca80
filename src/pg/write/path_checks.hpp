// Does a key query still read what its dependency was declared for?
//
// A view may be replaced, a policy added, a unique index dropped, a table swapped for another:
// which of such changes matter, and how one learns of them, is what the plan cache of the server
// knows. So a session keeps the analysed query of each path that it fills a cache by, and analyses
// it anew when the server says that something behind it has changed. What was declared has to cover
// the result; else nothing is published until the path is declared again.
//
// Only those who fill need to know. Who sees rows that were written under the changed query has
// been told of the change before, so no such rows get into an entry; entries of before are judged
// by the change itself, a hard writer. (An index is none: it changes no result. Rows that are no
// longer unique come by insertion, which invalidates their own keys or the whole cache.)
#pragma once

#include "pg/catalog/definitions.hpp"
#include "pg/load/derived_checks.hpp"

namespace cache_ext::pg {

// All key queries that somebody has declared for the cache himself. False also if that cannot be
// found out here (in a parallel query).
bool key_queries_hold(const Definition* definition);
// One query.
bool key_query_holds(const Dependency& path);

// Does what was derived for the cache still follow from its loader's text, and do its key queries
// hold? Only for who has received all messages.
Proof proof_of_derived(const Definition* definition);

}  // namespace cache_ext::pg
