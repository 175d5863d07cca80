// Declaring what a cache depends on.
#pragma once

#include "pg/definitions.hpp"

namespace cache_ext::pg {

// ERROR 42809 unless a cache can depend on the relation.
void check_relation(Oid relation);

// Drops our triggers from the relations that only this cache depends on, and keeps others from
// declaring anything on these until the transaction ends. SPI must be connected.
void drop_triggers_only_for(uint64 id);

}  // namespace cache_ext::pg
