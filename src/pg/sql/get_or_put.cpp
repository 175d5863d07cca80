// Behind cache_get_or_put_<name>, whose body is CASE WHEN cache_seek THEN cache_sought ELSE
// cache_keep_value: what the value is computed by, the argument of the last one, is not run for a
// hit. A NULL that is stored is a hit.
#include "pg/base/compat.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/load/run.hpp"
#include "pg/read/bypass.hpp"
#include "pg/read/read.hpp"
#include "pg/sql/given.hpp"

extern "C" {
#include "access/parallel.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
}

namespace cache_ext::pg {
namespace {

// What the last cache_seek has found, for the cache_sought that follows in the same expression: a
// copy of its own, so that nothing dangles if somebody calls one without the other.
struct Sought {
    MemoryContext context = nullptr;
    bool there = false;
    bool is_null = false;
    Datum value = 0;
    Oid type = InvalidOid;
    Oid user = InvalidOid;
};
Sought sought;

void forget_sought() {
    sought.there = false;
    if (sought.context == nullptr) {
        sought.context =
            AllocSetContextCreate(TopMemoryContext, "cache_ext sought", ALLOCSET_SMALL_SIZES);
    }
    MemoryContextReset(sought.context);
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_seek_1_0);
PG_FUNCTION_INFO_V1(cache_sought_1_0);
PG_FUNCTION_INFO_V1(cache_keep_1_0);
}

// cache_seek(name text, VARIADIC key "any") RETURNS bool: is there a value for this reader?
extern "C" Datum cache_seek_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    require_writer(d, Writer::kGetOrPut);
    require_no_loader(d, "cache_get_or_put");
    KeyArguments key;
    key_arguments(fcinfo, 1, d, &key);
    ReadRequest request = {d, key.values, key.nulls};
    request.never_load = true;
    const ReadResult found = read_value(request);
    forget_sought();
    if (found.source == Source::kNothing) PG_RETURN_BOOL(false);
    MemoryContext old = MemoryContextSwitchTo(sought.context);
    sought.is_null = found.is_null;
    sought.value = found.is_null ? Datum{0} : copy_value(d, found.value);
    MemoryContextSwitchTo(old);
    sought.type = d->value_type;
    sought.user = GetUserId();
    sought.there = true;
    PG_RETURN_BOOL(true);
}

// cache_sought(result anyelement) RETURNS anyelement: that value
extern "C" Datum cache_sought_1_0(PG_FUNCTION_ARGS) {
    const Oid type = get_fn_expr_rettype(fcinfo->flinfo);
    if (!sought.there || sought.type != type || sought.user != GetUserId()) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("no value of type %s was sought", format_type_be(type)),
                        errhint("Use the function cache_get_or_put_<name> of the cache.")));
    }
    int16 length;
    bool by_value;
    get_typlenbyval(type, &length, &by_value);
    const bool is_null = sought.is_null;
    const Datum value = is_null ? Datum{0} : datumCopy(sought.value, by_value, length);
    forget_sought();
    if (is_null) PG_RETURN_NULL();
    return value;
}

// cache_keep_value(name text, value anyelement, ttl interval, VARIADIC key "any") RETURNS
// anyelement: puts what was computed on a miss, and gives it back; only that where nothing can be
// put. A read does not fail for that.
extern "C" Datum cache_keep_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    require_writer(d, Writer::kGetOrPut);
    require_no_loader(d, "cache_get_or_put");
    require_value_type(fcinfo, 1, d, "cache_get_or_put_");
    KeyArguments key;
    key_arguments(fcinfo, 3, d, &key);
    const bool is_null = PG_ARGISNULL(1);
    if (store_ready() && !inside_run() && !IsInParallelMode() && !RecoveryInProgress()) {
        Given given;
        take_given(d, key, PG_GETARG_DATUM(1), is_null, interval_argument(fcinfo, 2), &given);
        // Where reads do not look there may be a value.
        const bool looked = bypass_reason(d, given.key) == core::Bypass::kNone;
        if (looked && has_room(given)) add_pending_put(d, given.index, given.key, given.value);
    }
    if (is_null) PG_RETURN_NULL();
    return PG_GETARG_DATUM(1);
}

}  // namespace cache_ext::pg
