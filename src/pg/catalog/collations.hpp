// A key argument brings along the collation under which the loader would compare and sort, were it
// called directly. A cache knows values under one collation only, that of the key's types.
#pragma once

#include "pg/catalog/definition.hpp"

namespace cache_ext::pg {

// Of the types of a key, as the server derives the collation of a call.
Oid natural_collation(int columns, const Oid* types);

// Would a direct call with these arguments run the loader under another collation? Then *collation
// is that; InvalidOid: several that do not agree.
bool has_own_collation(FunctionCallInfo fcinfo, int first_key, const Definition* definition,
                       Oid* collation);

}  // namespace cache_ext::pg
