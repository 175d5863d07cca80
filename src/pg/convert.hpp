// Values as jsonb, for the functions that take a cache by name.
#pragma once

#include "pg/definitions.hpp"

namespace cache_ext::pg {

// jsonb and json are taken as they are, everything else as to_jsonb does.
Datum to_jsonb_value(Oid type, Datum value);

// The inverse: composite types by field names, other types from the text of a JSON scalar. SQL NULL
// comes from JSON null, except for json and jsonb themselves.
Datum from_jsonb_value(Oid type, Datum json, bool* is_null);

}  // namespace cache_ext::pg
