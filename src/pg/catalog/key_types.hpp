// Types of key columns: which there can be, and which of them say of the same values that they are
// equal.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Is this a type whose values are bytes, and whose equality is known (key_forms.hpp)?
bool key_type_supported(Oid type);
// What to use instead of one that is not.
const char* key_type_hint(Oid type);
// Does a value of this type have the tag of the key of `key_type` that it is equal to? Domains
// count as what they are made of.
bool equal_as_keys(Oid type, Oid key_type);

}  // namespace cache_ext::pg
