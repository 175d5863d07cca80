#include "pg/sql/given.hpp"

#include "pg/base/clock.hpp"
#include "pg/base/compat.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/option_table.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/load/session_inputs.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "utils/acl.h"
#include "utils/fmgrprotos.h"
}

namespace cache_ext::pg {
namespace {

// Bytes that a value of the cache with this control block may have.
uint64 put_limit(core::CacheIndex index) {
    const core::CacheControl* c = store().control(index);
    const core::CacheControl* b = store().control(core::load_relaxed(c->budget));
    const uint64 most = store().max_value_bytes();
    const uint64 budget = core::load_relaxed(b->max_bytes);
    const uint64 overhead = 256 + kMaxMasks * sizeof(core::TagRef);
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

}  // namespace

void require_writer(const Definition* d, Writer writer) {
    const Oid gate = writer_function(d, writer);
    if (OidIsValid(gate) &&
        object_aclcheck(ProcedureRelationId, gate, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK) {
        return;
    }
    require_owner(d);
}

void require_no_loader(const Definition* d, const char* what) {
    if (d->loader_name == nullptr) return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("%s needs a cache without a loader", what),
                    errdetail("What cache \"%s\" does not have its loader computes.", d->name)));
}

Datum detoasted(const Definition* d, Datum value, bool is_null) {
    return !is_null && d->value_length == -1 ? PointerGetDatum(PG_DETOAST_DATUM(value)) : value;
}

void take_given(const Definition* d, const KeyArguments& arguments, Datum value, bool is_null,
                const Interval* ttl, Given* out) {
    const int64 ttl_ms = ttl_of(d, ttl);
    value = detoasted(d, value, is_null);
    encode_session_key(d, arguments.values, arguments.nulls, &out->key);
    stored_bytes(d, value, is_null, &out->bytes);
    out->index = control_block(d);
    out->value = {out->bytes.data, out->bytes.size, is_null, ttl_ms,
                  period_of(d->calendar, transaction_start_us())};
}

bool has_room(const Given& given) {
    return given.index != core::kNoCache && given.bytes.size <= put_limit(given.index);
}

void require_room(const Definition* d, const Given& given) {
    // What is put is judged by the writers of the cache: without a control block nobody could say
    // whether it still holds, not even a NULL.
    if (given.index == core::kNoCache) {
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("cache \"%s\" has no room in shared memory", d->name),
                        errhint("Raise cache_ext.max_caches, or drop a cache.")));
    }
    if (!has_room(given)) {
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("value of %u bytes is larger than cache \"%s\" may hold",
                               given.bytes.size, d->name),
                        errhint("Raise max_memory of the cache or cache_ext.memory.")));
    }
}

void require_value_type(FunctionCallInfo fcinfo, int argument, const Definition* d,
                        const char* prefix) {
    if (get_fn_expr_argtype(fcinfo->flinfo, argument) == d->value_type) return;
    ereport(ERROR,
            (errcode(ERRCODE_DATATYPE_MISMATCH),
             errmsg("cache \"%s\" holds values of type %s", d->name, format_type_be(d->value_type)),
             errhint("Use the function %s%s.", prefix, d->name)));
}

const Interval* interval_argument(FunctionCallInfo fcinfo, int argument) {
    return PG_ARGISNULL(argument) ? nullptr : PG_GETARG_INTERVAL_P(argument);
}

}  // namespace cache_ext::pg
