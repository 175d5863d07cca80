// Behind cache_get_or_put_<name>, whose body is CASE WHEN cache_seek THEN cache_sought ELSE
// cache_keep_value: what the value is computed by, the argument of the last one, is not run for a
// hit. A NULL that is stored is a hit.
#include "pg/base/compat.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/load/run.hpp"
#include "pg/read/bypass.hpp"
#include "pg/read/read.hpp"
#include "pg/sql/given.hpp"

extern "C" {
#include "access/parallel.h"
#include "utils/memutils.h"
}

namespace cache_ext::pg {
namespace {

// What the last cache_seek has found, for the cache_sought that follows in the same expression.
// That runs in the same memory context, which is reset for each row and goes with the query: the
// copy lies there, and what it was goes with it. So no other statement has it, no later row, and
// nobody after a change of the type.
struct Sought {
    MemoryContext context = nullptr;  // nullptr: nothing is sought
    MemoryContextCallback* reset = nullptr;
    bool is_null = false;
    Datum value = 0;
    Oid type = InvalidOid;
    Oid user = InvalidOid;
};
Sought sought;

void context_is_reset(void* callback) {
    if (sought.reset == callback) sought = {};
}

// Forgets it, once CurrentMemoryContext is reset.
MemoryContextCallback* forget_with_context() {
    auto* callback = make<MemoryContextCallback>();
    callback->func = context_is_reset;
    callback->arg = callback;
    MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
    return callback;
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
    sought = {};
    const ReadResult found = read_value(request);
    if (found.source == Source::kNothing) PG_RETURN_BOOL(false);
    const Datum value = found.is_null ? Datum{0} : copy_value(d, found.value);
    MemoryContextCallback* reset = forget_with_context();
    sought = {CurrentMemoryContext, reset, found.is_null, value, d->value_type, GetUserId()};
    PG_RETURN_BOOL(true);
}

// cache_sought(result anyelement) RETURNS anyelement: that value, once
extern "C" Datum cache_sought_1_0(PG_FUNCTION_ARGS) {
    const Oid type = get_fn_expr_rettype(fcinfo->flinfo);
    if (sought.context != CurrentMemoryContext || sought.type != type ||
        sought.user != GetUserId()) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("no value of type %s was sought", format_type_be(type)),
                        errhint("Use the function cache_get_or_put_<name> of the cache.")));
    }
    const Sought found = sought;
    sought = {};
    if (found.is_null) PG_RETURN_NULL();
    return found.value;
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
