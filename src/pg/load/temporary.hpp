// Temporary objects of the session stay out of a loader's sight: its names mean what they mean in
// every session, and a query of it that reads one, or calls a function among them, fails.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// The same search path with pg_temp as its last schema.
const char* without_temporary_schemas(const char* search_path);

// A run begins, in another one or not. What was touched before is remembered.
void forget_temporary_access(bool nested);
// Has the run that ends touched a temporary relation? (Rows of a temporary child belong to its
// parent wherever that is read.) After the outermost one, all that was touched counts again: a
// transaction that has touched one cannot be prepared.
bool touched_temporary(bool nested);
void temporary_access_after_abort(int level, bool nested);

// Once, in _PG_init.
void install_temporary_hooks();

}  // namespace cache_ext::pg
