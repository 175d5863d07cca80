// Behind cache_sync_stat and cache_warm_stat.
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/loading_state.hpp"
#include "pg/base/store_handle.hpp"

extern "C" {
#include "funcapi.h"
#include "utils/tuplestore.h"
}

namespace cache_ext::pg {
namespace {

Datum number(uint64 n) {
    return Int64GetDatum(static_cast<int64>(n));
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_loading_rows_1_0);
}

// One row per cache.
extern "C" Datum cache_loading_rows_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (int i = 0, n = definition_count(); i < n; ++i) {
        const Definition* d = definition_at(i);
        LoadingState s = {};
        if (store_ready() && store().find(MyDatabaseId, d->id) != core::kNoCache) {
            control_block(d);
            if (!loading_state(d, &s)) s = LoadingState{};
        }
        Datum values[12] = {CStringGetTextDatum(d->name),
                            number(s.syncs),
                            number(s.synced.added),
                            number(s.synced.replaced),
                            number(s.synced.removed),
                            number(s.synced.unchanged),
                            number(s.sync_errors),
                            TimestampTzGetDatum(from_millis(s.last_sync)),
                            number(s.warms),
                            number(s.warmed),
                            number(s.warm_errors),
                            TimestampTzGetDatum(from_millis(s.last_warm))};
        bool nulls[12] = {};
        nulls[7] = s.last_sync == 0;
        nulls[11] = s.last_warm == 0;
        tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
    }
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
