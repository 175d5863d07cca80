// Running functions and queries that give many keys at once, as loaders are run: as the cache's
// owner, read-only, with the pinned settings, under the active snapshot.
#pragma once

#include "pg/catalog/row_loaders.hpp"
#include "pg/load/session_inputs.hpp"

namespace cache_ext::pg {

// One row, as the cache's owner, in memory that goes with the query: what must last is to be
// copied.
using RowConsumer = void (*)(const Datum* key, const bool* nulls, Datum value, bool is_null,
                             void* context);

// Runs a query once and hands over each row, at most `limit` (0: all). `what` names it in errors.
// Returns the microseconds that it took. The query's own errors pass unchanged; ERROR 42P13 if its
// rows are of another shape.
uint64 run_rows(const Definition* definition, const FromReader& passed, const char* what,
                const char* sql, int arguments, const Oid* types, const Datum* values,
                bool with_value, uint64 limit, RowConsumer consume, void* context);

}  // namespace cache_ext::pg
