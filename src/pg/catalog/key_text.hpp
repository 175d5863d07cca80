// Keys for people to read.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Text for cache_entries, different for different keys: one column as its type prints it, nullptr
// for NULL; several as a row of them prints, "(a,b)", with nothing for NULL and quotes where need
// be.
char* key_text(const uint8* bytes, int columns, const Oid* types);
// For messages: never nullptr.
char* shown_key(const uint8* bytes, int columns, const Oid* types);

}  // namespace cache_ext::pg
