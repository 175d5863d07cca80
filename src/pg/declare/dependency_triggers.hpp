// The triggers on the tables that caches depend on, one pair per table for all caches.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Makes them where there are none, and keeps the table from being changed until the transaction
// ends. SPI must be connected.
void ensure_triggers(Oid relation);

// Drops our triggers from the relations that only this cache depends on, and keeps others from
// declaring anything on these until the transaction ends. SPI must be connected.
void drop_triggers_only_for(uint64 id);

}  // namespace cache_ext::pg
