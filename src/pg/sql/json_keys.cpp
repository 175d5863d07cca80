#include "pg/sql/json_keys.hpp"

#include "pg/base/memory.hpp"
#include "pg/catalog/arguments.hpp"
#include "pg/sql/convert.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace cache_ext::pg {
namespace {

bool is_array(const Jsonb* json) {
    return JB_ROOT_IS_ARRAY(json) && !JB_ROOT_IS_SCALAR(json);
}

Datum element_of(Jsonb* json, uint32 i) {
    return JsonbPGetDatum(JsonbValueToJsonb(getIthJsonbValueFromContainer(&json->root, i)));
}

void convert_column(const Definition* d, Datum element, int column, Datum* value, bool* is_null) {
    enter_user_code();
    *value = from_jsonb_key(d->key_types[column], element, is_null);
    leave_user_code();
}

}  // namespace

JsonKeys json_keys(FunctionCallInfo fcinfo, int argument, const Definition* d) {
    if (PG_ARGISNULL(argument)) {
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("keys must not be null")));
    }
    Jsonb* json = PG_GETARG_JSONB_P(argument);
    if (!is_array(json)) {
        ereport(
            ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("keys must be a JSON array"),
             d->columns == 1
                 ? errhint("Its elements are the keys: '[1, 2]'.")
                 : errhint("Its elements are arrays of the key's columns: '[[1, 2], [3, 4]]'.")));
    }
    const uint32 count = JB_ROOT_COUNT(json);
    const size_t room = size_t{count} * static_cast<size_t>(d->columns);
    JsonKeys keys = {count, make_array<Datum>(count), make_array<Datum>(room),
                     make_array<bool>(room)};
    for (uint32 i = 0; i < count; ++i) keys.elements[i] = element_of(json, i);
    return keys;
}

void convert_json_key(const Definition* d, const JsonKeys& keys, uint32 key) {
    Datum* values = keys.values + size_t{key} * static_cast<size_t>(d->columns);
    bool* nulls = keys.nulls + size_t{key} * static_cast<size_t>(d->columns);
    if (d->columns == 1) {
        convert_column(d, keys.elements[key], 0, values, nulls);
        return;
    }
    Jsonb* json = DatumGetJsonbP(keys.elements[key]);
    const int given = is_array(json) ? static_cast<int>(JB_ROOT_COUNT(json)) : -1;
    if (given != d->columns) {
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("a key of cache \"%s\" is a JSON array of %d columns", d->name, d->columns),
                 errhint("Give the key in this order: %s.", key_signature(d))));
    }
    for (int i = 0; i < d->columns; ++i) {
        convert_column(d, element_of(json, static_cast<uint32>(i)), i, values + i, nulls + i);
    }
}

}  // namespace cache_ext::pg
