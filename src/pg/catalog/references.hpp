// Tables whose rows reference those of another one.
#pragma once

extern "C" {
#include "postgres.h"
}

namespace cache_ext::pg {

// Is there no row of `from` that references one of `to` which is not there, as far as foreign keys
// that are in force see to it? False of partitions, and where `from` has children or partitions, as
// their rows may be under no such key; nor of a key that cascades into a table whose BEFORE
// triggers may say no. A foreign key that somebody has had violated (session_replication_role,
// DISABLE TRIGGER) is in force again when its triggers are.
bool is_reference_kept(Oid from, Oid to);

}  // namespace cache_ext::pg
