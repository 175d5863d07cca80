// cache_warm and cache_sync: loading ahead, by hand.
#include "pg/catalog/arguments.hpp"
#include "pg/read/bypass.hpp"
#include "pg/catalog/loading_state.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/ahead/sync.hpp"
#include "pg/ahead/warm.hpp"

extern "C" {
#include "funcapi.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/tuplestore.h"
}

namespace cache_ext::pg {
namespace {

// The statement's text with what has been done so far in front.
void report_progress(const WarmKeys& keys, const WarmProgress& progress) {
    pgstat_report_activity(STATE_RUNNING,
                           psprintf("/* %u of %u keys */ %s", progress.next, keys.count,
                                    debug_query_string != nullptr ? debug_query_string : ""));
}

uint64 warm_now(const Definition* d, uint64 max_keys) {
    WarmKeys keys = collect_warm_keys(d, max_keys, CurrentMemoryContext);
    if (keys.count == 0 && d->warm_keys == nullptr) {
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("no keys are known to warm cache \"%s\" with", d->name),
                 errhint("Give it a query that lists them: cache_alter('%s', '{\"warm_keys\": "
                         "\"SELECT ...\"}'). Keys that are read are learnt every "
                         "cache_ext.learn_interval.",
                         d->name)));
    }
    WarmProgress progress = {};
    report_progress(keys, progress);
    while (warm_batch(d, keys, &progress)) {
        CHECK_FOR_INTERRUPTS();
        report_progress(keys, progress);
    }
    pgstat_report_activity(STATE_RUNNING, debug_query_string);
    if (progress.blocked) {
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("cache \"%s\" is just being changed", d->name), errhint("Try again.")));
    }
    return progress.loaded;
}

// What varies by the session can be loaded for this session only.
void require_one_for_all(const Definition* d, const char* what) {
    if (!d->varies()) return;
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("%s cannot load values of cache \"%s\" for other sessions", what, d->name),
             errdetail("They vary by what the reader's session is like (vary_by)."),
             errhint("Leave it to the readers.")));
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_warm_1_0);
PG_FUNCTION_INFO_V1(cache_sync_1_0);
}

// cache_warm(name text, max_keys int) RETURNS bigint: the number of values loaded.
extern "C" Datum cache_warm_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    require_owner(d);
    if (d->loader_name == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("cache \"%s\" has no loader", d->name),
                        errhint("Put values with cache_put_%s.", d->name)));
    }
    require_one_for_all(d, "cache_warm");
    const int64 max_keys = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
    if (!PG_ARGISNULL(1) && max_keys <= 0) {
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("max_keys must be positive"),
                 errhint("Give NULL for all keys that the cache has room for.")));
    }
    require_publishing(d, "cache_warm");
    uint64 loaded = 0;
    PG_TRY();
    { loaded = warm_now(d, static_cast<uint64>(max_keys)); }
    PG_CATCH();
    {
        note_warm_error(d, 0);
        PG_RE_THROW();
    }
    PG_END_TRY();
    note_warm(d, loaded);
    PG_RETURN_INT64(static_cast<int64>(loaded));
}

// cache_sync(name text) RETURNS TABLE (added, replaced, removed, unchanged)
extern "C" Datum cache_sync_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const Definition* d = named_cache(fcinfo);
    require_owner(d);
    require_one_for_all(d, "cache_sync");
    if (d->load_all_name == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("cache \"%s\" has no load_all", d->name),
                        errhint("Give it a function that returns all its keys and values: "
                                "cache_alter('%s', '{\"load_all\": \"...\"}').",
                                d->name)));
    }
    const SyncCounts counts = sync_cache(d);
    Datum values[4] = {Int64GetDatum(static_cast<int64>(counts.added)),
                       Int64GetDatum(static_cast<int64>(counts.replaced)),
                       Int64GetDatum(static_cast<int64>(counts.removed)),
                       Int64GetDatum(static_cast<int64>(counts.unchanged))};
    bool nulls[4] = {};
    tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
