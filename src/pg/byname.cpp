// Functions that take a cache by name: cache_get, cache_get_entry, cache_peek, cache_put and the
// typed put, cache_invalidate*, cache_refresh.
#include "pg/arguments.hpp"
#include "pg/changes.hpp"
#include "pg/collations.hpp"
#include "pg/convert.hpp"
#include "pg/declaration.hpp"
#include "pg/entries.hpp"
#include "pg/like.hpp"
#include "pg/load.hpp"
#include "pg/puts.hpp"
#include "pg/read.hpp"
#include "pg/rights.hpp"
#include "pg/shared.hpp"
#include "pg/values.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
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

// The owner may have granted EXECUTE on cache_put_<name>: the gate of those who put values.
bool may_put(const Definition* d) {
    const Oid gate = put_function(d);
    return OidIsValid(gate) && pg_proc_aclcheck(gate, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK;
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

void put(const Definition* d, const KeyArguments& arguments, Datum value, bool is_null) {
    if (!may_put(d)) require_owner(d);
    require_shared("cache_put");
    forbid_in_loader("cache_put");
    PreventCommandIfParallelMode("cache_put");
    PreventCommandDuringRecovery("cache_put");
    if (!is_null && d->value_length == -1) {
        value = PointerGetDatum(PG_DETOAST_DATUM(value));
    }
    Key key;
    encode_key(d->cache_id(), d->columns, d->key_types, arguments.values, arguments.nulls, &key);
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
    add_pending_put(d, index, key, bytes.data, bytes.size, is_null);
}

struct KeyPattern {
    const Definition* definition;
    LikePattern pattern;
    MemoryContext scratch;  // a key of 8 kB can be 100 MB of text
};

bool key_matches(const uint8* key, void* context) {
    const auto* p = static_cast<const KeyPattern*>(context);
    const Definition* d = p->definition;
    CHECK_FOR_INTERRUPTS();
    MemoryContext old = MemoryContextSwitchTo(p->scratch);
    const char* text = key_text(key, d->columns, d->key_types);
    const bool matches = text != nullptr && like(text, strlen(text), p->pattern);
    MemoryContextSwitchTo(old);
    MemoryContextReset(p->scratch);
    return matches;
}

// The key counts as changed by this transaction, and its entry goes; false: there is none.
bool invalidate_key(const Definition* d, core::CacheIndex index, const uint8* bytes,
                    MemoryContext scratch) {
    MemoryContext old = MemoryContextSwitchTo(scratch);
    KeyArguments arguments;
    decode_key(bytes, d->columns, d->key_types, arguments.values, arguments.nulls);
    Key key;
    encode_key(d->cache_id(), d->columns, d->key_types, arguments.values, arguments.nulls, &key);
    if (d->columns == 0) {
        collect_whole(d->id, false);
    } else {
        collect_change(d, (ColumnMask{1} << d->columns) - 1, key.column_hash);
    }
    const bool removed = store().remove(index, key.view);
    MemoryContextSwitchTo(old);
    MemoryContextReset(scratch);
    return removed;
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_get_1_0);
PG_FUNCTION_INFO_V1(cache_peek_1_0);
PG_FUNCTION_INFO_V1(cache_get_entry_1_0);
PG_FUNCTION_INFO_V1(cache_put_1_0);
PG_FUNCTION_INFO_V1(cache_put_typed_1_0);
PG_FUNCTION_INFO_V1(cache_invalidate_1_0);
PG_FUNCTION_INFO_V1(cache_invalidate_all_1_0);
PG_FUNCTION_INFO_V1(cache_invalidate_like_1_0);
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

// cache_put(name text, value jsonb, VARIADIC key "any")
extern "C" Datum cache_put_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    KeyArguments key;
    key_arguments(fcinfo, 2, d, &key);
    bool is_null = PG_ARGISNULL(1);
    Datum value = 0;
    if (!is_null) value = from_jsonb_value(d, PG_GETARG_DATUM(1), &is_null);
    put(d, key, value, is_null);
    PG_RETURN_VOID();
}

// cache_put_value(name text, value anyelement, VARIADIC key "any"): behind cache_put_<name>
extern "C" Datum cache_put_typed_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    if (get_fn_expr_argtype(fcinfo->flinfo, 1) != d->value_type) {
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("cache \"%s\" holds values of type %s", d->name,
                               format_type_be(d->value_type)),
                        errhint("Use the function cache_put_%s.", d->name)));
    }
    KeyArguments key;
    key_arguments(fcinfo, 2, d, &key);
    put(d, key, PG_GETARG_DATUM(1), PG_ARGISNULL(1));
    PG_RETURN_VOID();
}

// The entry goes at once; the key counts as changed by this transaction, so that a load that began
// before its commit does not bring the old value back.
extern "C" Datum cache_invalidate_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    require_owner(d);
    require_shared("cache_invalidate");
    forbid_in_loader("cache_invalidate");
    PreventCommandDuringRecovery("cache_invalidate");
    KeyArguments arguments;
    key_arguments(fcinfo, 1, d, &arguments);
    Key key;
    encode_key(d->cache_id(), d->columns, d->key_types, arguments.values, arguments.nulls, &key);
    const core::CacheIndex index = control_block(d);
    GetTopTransactionId();
    drop_pending_puts(d->id, &key);
    if (d->columns == 0) {
        collect_whole(d->id, false);
    } else {
        collect_change(d, (ColumnMask{1} << d->columns) - 1, key.column_hash);
    }
    PG_RETURN_INT64(index != core::kNoCache && store().remove(index, key.view) ? 1 : 0);
}

extern "C" Datum cache_invalidate_all_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    require_owner(d);
    require_shared("cache_invalidate_all");
    forbid_in_loader("cache_invalidate_all");
    PreventCommandDuringRecovery("cache_invalidate_all");
    const core::CacheIndex index = control_block(d);
    drop_pending_puts(d->id, nullptr);
    collect_whole(d->id, false);
    PG_RETURN_INT64(remove_entries(index));
}

// Keys are listed first and compared outside of any lock; an entry that is filled meanwhile is safe
// from neither, as with any invalidation that overlaps it.
extern "C" Datum cache_invalidate_like_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    require_owner(d);
    require_shared("cache_invalidate_like");
    forbid_in_loader("cache_invalidate_like");
    PreventCommandDuringRecovery("cache_invalidate_like");
    if (PG_ARGISNULL(1)) {
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("pattern must not be null")));
    }
    const text* like_pattern = PG_GETARG_TEXT_PP(1);
    KeyPattern pattern = {
        d,
        {VARDATA_ANY(like_pattern), VARSIZE_ANY_EXHDR(like_pattern)},
        AllocSetContextCreate(CurrentMemoryContext, "cache_ext key", ALLOCSET_DEFAULT_SIZES)};
    check_like_pattern(pattern.pattern);
    drop_pending_puts_if(d->id, key_matches, &pattern);
    const core::CacheIndex index = control_block(d);
    if (index == core::kNoCache) PG_RETURN_INT64(0);
    int64 n = 0;
    GetTopTransactionId();
    for_each_entry(to_core(GetActiveSnapshot()), [&](const core::EntryInfo& e, const uint8* bytes) {
        if (e.cache != index || !key_matches(bytes, &pattern)) return;
        if (invalidate_key(d, index, bytes, pattern.scratch)) ++n;
    });
    PG_RETURN_INT64(n);
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
