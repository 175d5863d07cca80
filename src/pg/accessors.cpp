// cache_fetch: what every generated accessor calls. This is the path of a hit, so what stays the
// same between calls of one query is found out once and kept in fn_extra.
#include "pg/read.hpp"
#include "pg/shared.hpp"

extern "C" {
#include "utils/acl.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

// cache_fetch(result anyelement, cache text, VARIADIC key "any")
constexpr int kFirstKey = 2;

struct CallSite {
    uint64 generation;
    const Definition* definition;
    Oid user;
    uint32 size_hint;
    bool fixed_name;
    char name[NAMEDATALEN];
};

void check_call(const FunctionCallInfo fcinfo, const Definition* d) {
    const int keys = PG_NARGS() - kFirstKey;
    bool same = keys == d->columns && get_fn_expr_rettype(fcinfo->flinfo) == d->value_type;
    for (int i = 0; same && i < keys; ++i) {
        same = get_fn_expr_argtype(fcinfo->flinfo, kFirstKey + i) == d->key_types[i];
    }
    if (!same) {
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("call does not match the declaration of cache \"%s\"", d->name),
                        errhint("Use the function cache_get_%s.", d->name)));
    }
}

CallSite* call_site(FunctionCallInfo fcinfo) {
    auto* site = static_cast<CallSite*>(fcinfo->flinfo->fn_extra);
    const bool known = site != nullptr && definitions_loaded() &&
                       site->generation == definitions_generation() && site->user == GetUserId();
    if (known && site->fixed_name) return site;

    if (PG_ARGISNULL(1)) {
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("cache name must not be null")));
    }
    const text* name = PG_GETARG_TEXT_PP(1);
    const auto size = static_cast<size_t>(VARSIZE_ANY_EXHDR(name));
    if (known && strlen(site->name) == size && memcmp(site->name, VARDATA_ANY(name), size) == 0) {
        return site;
    }
    const Definition* d = require_definition(text_to_cstring(name));
    check_call(fcinfo, d);
    require_execute(d);
    if (site == nullptr) {
        site = static_cast<CallSite*>(
            MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CallSite)));
        fcinfo->flinfo->fn_extra = site;
        site->fixed_name = get_fn_expr_arg_stable(fcinfo->flinfo, 1);
        site->size_hint = 1024;
    }
    site->generation = definitions_generation();
    site->definition = d;
    site->user = GetUserId();
    strlcpy(site->name, d->name, sizeof(site->name));
    return site;
}

}  // namespace

void require_accessor(const Definition* d) {
    if (OidIsValid(d->accessor)) return;
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_FUNCTION),
             errmsg("the accessor of cache \"%s\" was dropped", d->name),
             errhint("Declare the cache anew: cache_drop('%s'), then cache_create.", d->name)));
}

void require_intact(const Definition* d) {
    if (!d->broken) return;
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                    errmsg("the value type of cache \"%s\" was dropped", d->name),
                    errhint("Drop the cache with cache_drop('%s').", d->name)));
}

void require_execute(const Definition* d) {
    require_accessor(d);
    require_intact(d);
    if (pg_proc_aclcheck(d->accessor, GetUserId(), ACL_EXECUTE) != ACLCHECK_OK) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("permission denied for cache \"%s\"", d->name),
                        errhint("Reading it needs EXECUTE on function cache_get_%s.", d->name)));
    }
}

extern "C" {
PG_FUNCTION_INFO_V1(cache_fetch_1_0);
}

extern "C" Datum cache_fetch_1_0(PG_FUNCTION_ARGS) {
    CallSite* site = call_site(fcinfo);
    const Definition* d = site->definition;
    Datum arguments[kMaxKeyColumns];
    bool nulls[kMaxKeyColumns];
    for (int i = 0; i < d->columns; ++i) {
        arguments[i] = PG_GETARG_DATUM(kFirstKey + i);
        nulls[i] = PG_ARGISNULL(kFirstKey + i);
    }
    ReadRequest request = {d, arguments, nulls};
    request.size_hint = site->size_hint;
    const ReadResult result = read_value(request);
    if (result.value_bytes > 0) site->size_hint = result.value_bytes;
    if (result.is_null) PG_RETURN_NULL();
    return result.value;
}

}  // namespace cache_ext::pg
