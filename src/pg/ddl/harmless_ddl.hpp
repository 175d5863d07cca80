// Changes of the catalogs in this transaction that change no value, which only those who make them
// can tell.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// CLUSTER and VACUUM give tables new storage with the same rows, for all snapshots. To be called by
// the utility hook before, after, and, if it was one table inside a transaction, after success.
void begin_harmless_rewrite(Oid relation);
void end_harmless_rewrite();
void note_harmless_rewrite(Oid relation);
// Is that all that has given the relation storage `to` instead of `from`?
bool rewritten_harmlessly(Oid relation, Oid from, Oid to);

// Functions that the extension makes for a cache: not anybody's DDL.
void note_own_function(Oid function);
bool is_own_function(Oid function);

// The transaction has ended; what was noted lay in its memory.
void forget_harmless_ddl();

}  // namespace cache_ext::pg
