// Reads that take a cache by name: cache_get, cache_get_entry, cache_peek, cache_refresh.
#include "pg/catalog/arguments.hpp"
#include "pg/catalog/collations.hpp"
#include "pg/sql/convert.hpp"
#include "pg/read/read.hpp"
#include "pg/catalog/rights.hpp"

extern "C" {
#include "funcapi.h"
#include "utils/tuplestore.h"
}

namespace cache_ext::pg {
namespace {

ReadResult read_by_name(FunctionCallInfo fcinfo, const Definition* d, bool never_load, bool fresh) {
    require_execute(d);
    KeyArguments key;
    key_arguments(fcinfo, 1, d, &key);
    ReadRequest request = {d, key.values, key.nulls};
    request.never_load = never_load;
    request.fresh = fresh;
    request.own_collation = has_own_collation(fcinfo, 1, d, &request.collation);
    return read_value(request);
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_get_1_0);
PG_FUNCTION_INFO_V1(cache_peek_1_0);
PG_FUNCTION_INFO_V1(cache_get_entry_1_0);
PG_FUNCTION_INFO_V1(cache_refresh_1_0);
}

extern "C" Datum cache_get_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    const ReadResult r = read_by_name(fcinfo, d, false, false);
    if (r.is_null) PG_RETURN_NULL();
    return to_jsonb_value(d, r.value);
}

extern "C" Datum cache_peek_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    const ReadResult r = read_by_name(fcinfo, d, true, false);
    if (r.is_null) PG_RETURN_NULL();
    return to_jsonb_value(d, r.value);
}

extern "C" Datum cache_get_entry_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const Definition* d = named_cache(fcinfo);
    const ReadResult r = read_by_name(fcinfo, d, false, false);
    if (r.source == Source::kNothing) PG_RETURN_VOID();
    Datum values[4] = {};
    bool nulls[4] = {};
    nulls[0] = r.is_null;
    if (!r.is_null) values[0] = to_jsonb_value(d, r.value);
    values[1] = TimestampTzGetDatum(from_millis(r.calculated_at));
    // What was not published expires at once: the next read loads again.
    nulls[2] = r.expires_at == core::kNever || r.expires_at == 0;
    if (!nulls[2]) values[2] = TimestampTzGetDatum(from_millis(r.expires_at));
    values[3] = CStringGetTextDatum(r.source == Source::kLoader  ? "loader"
                                    : r.source == Source::kStale ? "stale"
                                                                 : "cache");
    tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
    PG_RETURN_VOID();
}

// True if the new value is in the cache.
extern "C" Datum cache_refresh_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    if (d->loader_name == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("cache \"%s\" has no loader", d->name),
                        errhint("Put a value with cache_put_%s.", d->name)));
    }
    require_owner(d);
    PG_RETURN_BOOL(read_by_name(fcinfo, d, false, true).published);
}

}  // namespace cache_ext::pg
