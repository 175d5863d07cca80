// cache_invalidate_many, cache_refresh_many, cache_warm_many: one row per key says what has become
// of it.
#include "pg/base/memory.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/arguments.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/load/run.hpp"
#include "pg/load/session_inputs.hpp"
#include "pg/pool/tasks.hpp"
#include "pg/read/bypass.hpp"
#include "pg/read/load_many.hpp"
#include "pg/sql/batches.hpp"
#include "pg/sql/invalidate.hpp"
#include "pg/sql/json_keys.hpp"
#include "pg/sql/load_keys.hpp"

extern "C" {
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"
}

namespace cache_ext::pg {
namespace {

// One call.
struct Many {
    uint64 cache_id;
    JsonKeys keys;
    MemoryContext context;
    KeyReport* reports;
    bool missing_only;  // cache_warm_many

    ManyKeys some(const Definition* d, uint32 first) const {
        const size_t at = size_t{first} * static_cast<size_t>(d->columns);
        return {1, keys.values + at, keys.nulls + at};
    }
};

void convert(void* argument, uint32 first, uint32 count) {
    const auto& m = *static_cast<Many*>(argument);
    const Definition* d = known_cache(m.cache_id);
    MemoryContext old = MemoryContextSwitchTo(m.context);
    for (uint32 i = first; i < first + count; ++i) {
        CHECK_FOR_INTERRUPTS();
        convert_json_key(d, m.keys, i);
        Key key;
        encode_key(d->cache_id(), d->columns, d->key_types, m.some(d, i).values, m.some(d, i).nulls,
                   &key);
    }
    MemoryContextSwitchTo(old);
}

// Leaves the key to a worker.
void queue_key(const Definition* d, const Many& m, uint32 i) {
    KeyReport& report = m.reports[i];
    const ManyKeys arguments = m.some(d, i);
    if (m.missing_only && would_serve(d, arguments.values, arguments.nulls)) {
        report.outcome = "valid";
        return;
    }
    Key key;
    encode_session_key(d, arguments.values, arguments.nulls, &key);
    report.outcome = "refused";
    if (key.view.size > kMaxTaskKey) {
        report.message = "the key is too long for the queue";
        return;
    }
    report.message = left_to_readers(d, key.view);
    if (report.message != nullptr) return;
    Task task = new_task(TaskKind::kRefresh, {d->id, d->session->index, d->owner, d->priority});
    // Of what is there and need not be refreshed yet nobody has the claim; it is to be all the
    // same.
    task.claimed = true;
    task.hash = key.view.hash;
    task.key_bytes = key.view.size;
    memcpy(task.key, key.view.bytes, key.view.size);
    switch (queue_task(task)) {
        case Queued::kQueued:
        case Queued::kAlready:
            report.outcome = "queued";
            break;
        case Queued::kFull:
            report.message = "the queue has no room for more of this cache";
            break;
        case Queued::kSuspended:
            report.message = "the cache is suspended";
            break;
        case Queued::kNoWorkers:
            report.message = "there are no workers";
            break;
    }
}

int checked_number(FunctionCallInfo fcinfo, int argument, const char* name, int least, int most,
                   int otherwise) {
    if (PG_ARGISNULL(argument)) return otherwise;
    const int n = PG_GETARG_INT32(argument);
    if (n >= least && n <= most) return n;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("%s must be between %d and %d, not %d", name, least, most, n)));
    pg_unreachable();
}

Many begin(FunctionCallInfo fcinfo, const Definition* d) {
    Many m = {d->id, json_keys(fcinfo, 1, d), CurrentMemoryContext, nullptr, false};
    m.reports = make_array<KeyReport>(m.keys.count);
    return m;
}

// Keys that cannot be are reported, and left alone from then on.
void convert_all(Many* m) {
    run_batches({m->keys.count, 1000, 0, convert, m, m->context, m->reports});
}

void put_rows(FunctionCallInfo fcinfo, const Many& m) {
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (uint32 i = 0; i < m.keys.count; ++i) {
        const KeyReport& r = m.reports[i];
        Datum values[4] = {m.keys.elements[i], CStringGetTextDatum(r.outcome)};
        bool nulls[4] = {false, false, r.sqlstate[0] == '\0', r.message == nullptr};
        if (!nulls[2]) values[2] = CStringGetTextDatum(r.sqlstate);
        if (!nulls[3]) values[3] = CStringGetTextDatum(r.message);
        tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
    }
}

// cache_refresh_many and cache_warm_many(name text, keys jsonb, batch_size int, retries int,
// background bool)
void load_many_keys(FunctionCallInfo fcinfo, const char* what, bool missing_only) {
    InitMaterializedSRF(fcinfo, 0);
    const Definition* d = named_cache(fcinfo);
    require_owner(d);
    if (d->loader_name == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("cache \"%s\" has no loader", d->name),
                        errhint("Put values with cache_put_%s.", d->name)));
    }
    const int size = checked_number(fcinfo, 2, "batch_size", 1, 10000, settings.warm_batch);
    const int retries = checked_number(fcinfo, 3, "retries", 0, 100, 3);
    const bool background = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
    if (!background) require_publishing(d, what);
    require_store(what);
    forbid_in_run(what);
    PreventCommandDuringRecovery(what);
    if (control_block(d) == core::kNoCache) {
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("cache \"%s\" has no room in shared memory", d->name),
                        errhint("Raise cache_ext.max_caches, or drop a cache.")));
    }
    Many m = begin(fcinfo, d);
    m.missing_only = missing_only;
    convert_all(&m);
    if (background) {
        d = known_cache(m.cache_id);
        for (uint32 i = 0; i < m.keys.count; ++i) {
            CHECK_FOR_INTERRUPTS();
            if (m.reports[i].outcome == nullptr) queue_key(d, m, i);
        }
    } else {
        load_keys({m.cache_id, m.keys.count, m.keys.values, m.keys.nulls, m.missing_only,
                   static_cast<uint32>(size), retries, m.context, m.reports});
    }
    put_rows(fcinfo, m);
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_invalidate_many_1_0);
PG_FUNCTION_INFO_V1(cache_refresh_many_1_0);
PG_FUNCTION_INFO_V1(cache_warm_many_1_0);
}

extern "C" Datum cache_invalidate_many_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    const Definition* d = named_cache(fcinfo);
    require_invalidating(d, "cache_invalidate_many");
    Many m = begin(fcinfo, d);
    convert_all(&m);
    d = known_cache(m.cache_id);
    for (uint32 i = 0; i < m.keys.count; ++i) {
        CHECK_FOR_INTERRUPTS();
        if (m.reports[i].outcome != nullptr) continue;
        const ManyKeys key = m.some(d, i);
        m.reports[i].outcome =
            invalidate_given(d, key.values, key.nulls) > 0 ? "removed" : "absent";
    }
    put_rows(fcinfo, m);
    PG_RETURN_VOID();
}

extern "C" Datum cache_refresh_many_1_0(PG_FUNCTION_ARGS) {
    load_many_keys(fcinfo, "cache_refresh_many", false);
    PG_RETURN_VOID();
}

extern "C" Datum cache_warm_many_1_0(PG_FUNCTION_ARGS) {
    load_many_keys(fcinfo, "cache_warm_many", true);
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
