// cache_put, and what cache_put_<name> calls.
#include "pg/base/compat.hpp"
#include "pg/catalog/arguments.hpp"
#include "pg/base/clock.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/option_table.hpp"
#include "pg/sql/convert.hpp"
#include "pg/declare/declaration.hpp"
#include "pg/write/changes.hpp"
#include "pg/write/puts.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/load/session_inputs.hpp"
#include "pg/load/gathering.hpp"
#include "pg/load/values.hpp"
#include "pg/load/run.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "utils/acl.h"
#include "utils/fmgrprotos.h"
}

namespace cache_ext::pg {
namespace {

// The owner may have granted EXECUTE on cache_put_<name>: the gate of those who put values.
bool may_put(const Definition* d) {
    const Oid gate = put_function(d);
    return OidIsValid(gate) &&
           object_aclcheck(ProcedureRelationId, gate, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK;
}

// Bytes that a value of the cache with this control block may have.
uint64 put_limit(core::CacheIndex index) {
    const core::CacheControl* c = store().control(index);
    const core::CacheControl* b = store().control(core::load_relaxed(c->budget));
    const uint64 most = store().max_value_bytes();
    const uint64 budget = core::load_relaxed(b->max_bytes);
    const uint64 overhead = 256 + core::kMaxTags * sizeof(core::TagRef);
    return budget == 0 ? most : std::min(most, budget > overhead ? budget - overhead : 0);
}

// That of the cache, unless another one is given.
int64 ttl_of(const Definition* d, const Interval* given) {
    if (given == nullptr) return d->ttl_ms;
    const int64 ms = interval_ms(given);
    if (in_range(option_info(Option::kTtl), ms)) return ms;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("ttl of a value cannot be %s",
                    DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(given)))),
             errhint("Give an interval from one millisecond to 100 years, or NULL for the ttl of "
                     "the cache.")));
    pg_unreachable();
}

void put(const Definition* d, const KeyArguments& arguments, Datum value, bool is_null,
         const Interval* ttl) {
    if (!may_put(d)) require_owner(d);
    if (d->aggregates) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("nothing can be put into aggregate cache \"%s\"", d->name),
                        errdetail("Its values are what the rows of its table add up to.")));
    }
    require_store("cache_put");
    forbid_in_run("cache_put");
    PreventCommandIfParallelMode("cache_put");
    PreventCommandDuringRecovery("cache_put");
    if (!is_null && d->value_length == -1) {
        value = PointerGetDatum(PG_DETOAST_DATUM(value));
    }
    Key key;
    encode_session_key(d, arguments.values, arguments.nulls, &key);
    ValueBytes bytes;
    stored_bytes(d, value, is_null, &bytes);
    const core::CacheIndex index = control_block(d);
    // What is put is judged by the writers of the cache: without a control block nobody could say
    // whether it still holds, not even a NULL.
    if (index == core::kNoCache) {
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("cache \"%s\" has no room in shared memory", d->name),
                        errhint("Raise cache_ext.max_caches, or drop a cache.")));
    }
    if (bytes.size > put_limit(index)) {
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("value of %u bytes is larger than cache \"%s\" may hold", bytes.size,
                               d->name),
                        errhint("Raise max_memory of the cache or cache_ext.memory.")));
    }
    // Other caches' values may be made of what its loader gave for the key, so that it is a change.
    const bool is_change = d->loader_name != nullptr;
    if (is_change && committing()) return;  // nobody could be told before this commit can be seen
    add_pending_put(d, index, key,
                    {bytes.data, bytes.size, is_null, ttl_of(d, ttl),
                     period_of(d->calendar, transaction_start_us())});
    if (is_change) collect_put(d->id, key.view, leading_tag_of(d, key));
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_put_1_0);
PG_FUNCTION_INFO_V1(cache_put_typed_1_0);
}

// cache_put(name text, value jsonb, VARIADIC key "any")
extern "C" Datum cache_put_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    KeyArguments key;
    key_arguments(fcinfo, 2, d, &key);
    bool is_null = PG_ARGISNULL(1);
    Datum value = 0;
    if (!is_null) value = from_jsonb_value(d, PG_GETARG_DATUM(1), &is_null);
    put(d, key, value, is_null, nullptr);
    PG_RETURN_VOID();
}

// cache_put_value(name text, value anyelement, ttl interval, VARIADIC key "any"): behind
// cache_put_<name>
extern "C" Datum cache_put_typed_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    if (get_fn_expr_argtype(fcinfo->flinfo, 1) != d->value_type) {
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("cache \"%s\" holds values of type %s", d->name,
                               format_type_be(d->value_type)),
                        errhint("Use the function cache_put_%s.", d->name)));
    }
    KeyArguments key;
    key_arguments(fcinfo, 3, d, &key);
    put(d, key, PG_GETARG_DATUM(1), PG_ARGISNULL(1),
        PG_ARGISNULL(2) ? nullptr : PG_GETARG_INTERVAL_P(2));
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
