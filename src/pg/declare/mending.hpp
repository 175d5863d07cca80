// A dependency that is declared again replaces those of its kind that do not stand any more.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// `row` is the id of the row just inserted for `definition`, which was loaded before. SPI must be
// connected. Returns how many rows were replaced.
int replace_stale_keys(const Definition* definition, const char* row);
int replace_stale_paths(const Definition* definition, const char* row);

}  // namespace cache_ext::pg
