// Many keys of a cache, as a JSON array: '[1, 2]', and of several columns '[[1, "a"], [2, "b"]]'.
// An array that a driver or a query makes without knowing the types of the key.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

struct JsonKeys {
    uint32 count;
    Datum* elements;  // jsonb, as they were given
    // Once they are converted: key by key, `columns` each.
    Datum* values;
    bool* nulls;
};

// ERROR 22004 for a NULL, 22023 for what is no array. Nothing is converted yet.
JsonKeys json_keys(FunctionCallInfo fcinfo, int argument, const Definition* definition);
// Makes the key's columns of an element, as the current user: scalars by their text, arrays and
// rows as jsonb_to_record does, null is NULL (but for jsonb and json). ERROR 22023 if it has
// another number of columns, else those of the types. What it makes lives in CurrentMemoryContext.
void convert_json_key(const Definition* definition, const JsonKeys& keys, uint32 key);

}  // namespace cache_ext::pg
