// Declaring what a cache depends on.
#pragma once

#include "pg/definitions.hpp"

namespace cache_ext::pg {

// Drops our triggers from the relations that only this cache depends on. SPI must be connected.
void drop_triggers_only_for(const Definition* definition);

}  // namespace cache_ext::pg
