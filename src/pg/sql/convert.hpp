// Values as jsonb, for the functions that take a cache by name.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// jsonb and json are taken as they are, everything else as to_jsonb does. What types that are not
// the server's own are made of may call anybody's functions: those run as the cache's owner.
Datum to_jsonb_value(const Definition* definition, Datum value);

// The inverse: composite types by field names, other types from the text of a JSON scalar. SQL NULL
// comes from JSON null, except for json and jsonb themselves.
Datum from_jsonb_value(const Definition* definition, Datum json, bool* is_null);

// The same for a column of a key, of any type, as the current user: literals of it are his.
Datum from_jsonb_key(Oid type, Datum json, bool* is_null);

}  // namespace cache_ext::pg
