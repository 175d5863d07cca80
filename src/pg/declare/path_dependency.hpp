// A dependency whose rows reach their keys through a query.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// Checks it, and writes it down; `columns` as text, or nullptr; `derived`: it follows from the
// loader's text. SPI must be connected.
void declare_path(const Definition* definition, Oid relation, const char* key_query,
                  const char* columns, bool derived);

}  // namespace cache_ext::pg
