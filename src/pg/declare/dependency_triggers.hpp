// The triggers on the tables that caches depend on, one pair per table for all caches.
#pragma once

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace cache_ext::pg {

// Makes them where there are none, and keeps the table from being changed until the transaction
// ends. SPI must be connected.
void ensure_triggers(Oid relation);

// The relations that the cache depends on, partitions and children included: of Oid.
List* relations_with_triggers_for(const Definition* definition);
// Drops our triggers from those of them that no cache depends on any more: they cost each changed
// row a call. Only where the current user owns the table, and nobody reads, writes or declares
// anything on it just now: no lock is waited for. (The others cache_health names.) SPI must be
// connected.
void drop_needless_triggers(List* relations);

}  // namespace cache_ext::pg
