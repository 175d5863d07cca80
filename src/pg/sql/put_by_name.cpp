// cache_put, cache_add and cache_replace, and what the functions of these names that are made for
// a cache call.
#include "pg/catalog/arguments.hpp"
#include "pg/load/gathering.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/write/changes.hpp"
#include "pg/write/puts.hpp"
#include "pg/load/run.hpp"
#include "pg/sql/convert.hpp"
#include "pg/sql/given.hpp"
#include "pg/sql/put_at_once.hpp"

namespace cache_ext::pg {
namespace {

void forbid_here(const Definition* d, const char* what) {
    if (d->aggregates) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("nothing can be put into aggregate cache \"%s\"", d->name),
                        errdetail("Its values are what the rows of its table add up to.")));
    }
    require_store(what);
    forbid_in_run(what);
    PreventCommandIfParallelMode(what);
    PreventCommandDuringRecovery(what);
}

void put(const Definition* d, const KeyArguments& arguments, Datum value, bool is_null,
         const Interval* ttl, bool immediate) {
    require_writer(d, Writer::kPut);
    forbid_here(d, "cache_put");
    Given given;
    take_given(d, arguments, value, is_null, ttl, &given);
    require_room(d, given);
    if (immediate) {
        put_at_once(d, given.index, given.key, given.value, {}, "cache_put");
        return;
    }
    // Other caches' values may be made of what its loader gave for the key, so that it is a change.
    const bool is_change = d->loader_name != nullptr;
    if (is_change && committing()) return;  // nobody could be told before this commit can be seen
    add_pending_put(d, given.index, given.key, given.value);
    if (is_change) collect_put(d->id, given.key.view, leading_tag_of(d, given.key));
}

bool put_if(const Definition* d, Writer writer, const KeyArguments& arguments, Datum value,
            bool is_null, const Interval* ttl, const PutCondition& condition) {
    const char* what = writer == Writer::kAdd ? "cache_add" : "cache_replace";
    require_writer(d, writer);
    forbid_here(d, what);
    Given given;
    take_given(d, arguments, value, is_null, ttl, &given);
    require_room(d, given);
    return put_at_once(d, given.index, given.key, given.value, condition, what);
}

PutCondition if_same(const Definition* d, Datum expected, bool is_null) {
    return {PutCondition::If::kSame, detoasted(d, expected, is_null), is_null};
}

// jsonb: see from_jsonb_value.
Datum json_argument(FunctionCallInfo fcinfo, int argument, const Definition* d, bool* is_null) {
    *is_null = PG_ARGISNULL(argument);
    return *is_null ? Datum{0} : from_jsonb_value(d, PG_GETARG_DATUM(argument), is_null);
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_put_1_0);
PG_FUNCTION_INFO_V1(cache_add_1_0);
PG_FUNCTION_INFO_V1(cache_replace_1_0);
PG_FUNCTION_INFO_V1(cache_put_typed_1_0);
PG_FUNCTION_INFO_V1(cache_add_typed_1_0);
PG_FUNCTION_INFO_V1(cache_replace_typed_1_0);
}

// cache_put(name text, value jsonb, VARIADIC key "any")
extern "C" Datum cache_put_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    KeyArguments key;
    key_arguments(fcinfo, 2, d, &key);
    bool is_null;
    const Datum value = json_argument(fcinfo, 1, d, &is_null);
    put(d, key, value, is_null, nullptr, false);
    PG_RETURN_VOID();
}

// cache_add(name text, value jsonb, VARIADIC key "any") RETURNS bool
extern "C" Datum cache_add_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    KeyArguments key;
    key_arguments(fcinfo, 2, d, &key);
    bool is_null;
    const Datum value = json_argument(fcinfo, 1, d, &is_null);
    PG_RETURN_BOOL(
        put_if(d, Writer::kAdd, key, value, is_null, nullptr, {PutCondition::If::kAbsent}));
}

// cache_replace(name text, expected jsonb, value jsonb, VARIADIC key "any") RETURNS bool
extern "C" Datum cache_replace_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    KeyArguments key;
    key_arguments(fcinfo, 3, d, &key);
    bool expected_null, is_null;
    const Datum expected = json_argument(fcinfo, 1, d, &expected_null);
    const Datum value = json_argument(fcinfo, 2, d, &is_null);
    PG_RETURN_BOOL(put_if(d, Writer::kReplace, key, value, is_null, nullptr,
                          if_same(d, expected, expected_null)));
}

// cache_put_value(name text, value anyelement, ttl interval, immediate bool, VARIADIC key "any"):
// behind cache_put_<name>
extern "C" Datum cache_put_typed_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    require_value_type(fcinfo, 1, d, "cache_put_");
    KeyArguments key;
    key_arguments(fcinfo, 4, d, &key);
    put(d, key, PG_GETARG_DATUM(1), PG_ARGISNULL(1), interval_argument(fcinfo, 2),
        !PG_ARGISNULL(3) && PG_GETARG_BOOL(3));
    PG_RETURN_VOID();
}

// cache_add_value(name text, value anyelement, ttl interval, VARIADIC key "any") RETURNS bool:
// behind cache_add_<name>
extern "C" Datum cache_add_typed_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    require_value_type(fcinfo, 1, d, "cache_add_");
    KeyArguments key;
    key_arguments(fcinfo, 3, d, &key);
    PG_RETURN_BOOL(put_if(d, Writer::kAdd, key, PG_GETARG_DATUM(1), PG_ARGISNULL(1),
                          interval_argument(fcinfo, 2), {PutCondition::If::kAbsent}));
}

// cache_replace_value(name text, expected anyelement, value anyelement, ttl interval, VARIADIC key
// "any") RETURNS bool: behind cache_replace_<name>
extern "C" Datum cache_replace_typed_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    require_value_type(fcinfo, 1, d, "cache_replace_");
    KeyArguments key;
    key_arguments(fcinfo, 4, d, &key);
    PG_RETURN_BOOL(put_if(d, Writer::kReplace, key, PG_GETARG_DATUM(2), PG_ARGISNULL(2),
                          interval_argument(fcinfo, 3),
                          if_same(d, PG_GETARG_DATUM(1), PG_ARGISNULL(1))));
}

}  // namespace cache_ext::pg
