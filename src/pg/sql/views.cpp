// Behind the views cache_stat, cache_bypasses and cache_entries; cache_stat_reset.
#include "pg/base/compat.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/counters.hpp"
#include "pg/base/entries.hpp"
#include "pg/catalog/loading_state.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/load/session_inputs.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/base/snapshots.hpp"
#include "pg/catalog/key_text.hpp"

extern "C" {
#include "catalog/pg_authid.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
#include "utils/xid8.h"
}

namespace cache_ext::pg {
namespace {

using core::Counter;

const char* state_text(core::LookupResult result) {
    switch (result) {
        case core::LookupResult::kHit:
        case core::LookupResult::kTooSmall:
            return "live";
        case core::LookupResult::kExpired:
            return "expired";
        case core::LookupResult::kUnusable:
        case core::LookupResult::kNotYet:
            return "unknown";
        case core::LookupResult::kContradicted:
            return "invalidated";
        case core::LookupResult::kStale:
            return "stale";
        case core::LookupResult::kAbsent:
            break;
    }
    return "absent";
}

Datum millis(uint64 micros) {
    return Float8GetDatum(static_cast<double>(micros) / 1000.0);
}

Datum interval_of(core::Millis ms) {
    auto* i = static_cast<Interval*>(palloc0(sizeof(Interval)));
    i->time = ms * 1000;
    return IntervalPGetDatum(i);
}

const Definition* definition_by_index(core::CacheIndex index) {
    for (int i = 0; i < definition_count(); ++i) {
        const Definition* d = definition_at(i);
        if (d->session->index == index && store().is(index, d->id)) return d;
    }
    return nullptr;
}

void put_entry(const ReturnSetInfo* set, const core::EntryInfo& e, const uint8* key) {
    const Definition* d = definition_by_index(e.cache);
    if (d == nullptr || d->broken || !may_see(d)) return;
    Datum values[9] = {};
    bool nulls[9] = {};
    values[0] = CStringGetTextDatum(d->name);
    const char* text = key_text(key, d->columns, d->key_types);
    nulls[1] = text == nullptr;
    if (!nulls[1]) values[1] = CStringGetTextDatum(text);
    values[2] = Int64GetDatum(e.gross_bytes);
    values[3] = Int64GetDatum(e.hits);
    values[4] = TimestampTzGetDatum(from_millis(e.calculated_at));
    nulls[5] = e.expires_at == core::kNever;
    values[5] = TimestampTzGetDatum(from_millis(e.expires_at));
    values[6] = CStringGetTextDatum(state_text(e.result));
    nulls[7] = nulls[5];
    if (!nulls[7]) values[7] = interval_of(e.expires_at - e.calculated_at);
    // What sessions were like is nobody's business who does not own what is loaded for them.
    values[8] = d->varies() && is_owners(d) ? inputs_as_array(d, key, e.key_bytes) : 0;
    nulls[8] = values[8] == 0;
    tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_stat_rows_1_0);
PG_FUNCTION_INFO_V1(cache_bypass_rows_1_0);
PG_FUNCTION_INFO_V1(cache_entry_rows_1_0);
PG_FUNCTION_INFO_V1(cache_stat_reset_1_0);
}

extern "C" Datum cache_stat_rows_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const int n = definition_count();
    if (store_ready()) find_control_blocks();
    for (int i = 0; i < n; ++i) {
        const Definition* d = definition_at(i);
        Datum values[22] = {};
        bool nulls[22] = {};
        int c = 0;
        values[c++] = CStringGetTextDatum(d->name);
        core::CounterTotals t = {};
        uint64 entries = 0, bytes = 0;
        char error[core::kMaxErrorBytes] = "";
        int64 reset = 0;
        if (store_ready() && d->session->index != core::kNoCache) {
            const core::CacheControl* control = store().control(d->session->index);
            t = control->counters.totals();
            entries = core::load_relaxed(control->live_entries);
            bytes = core::load_relaxed(control->live_bytes);
            reset = control->stats_reset;
            store().last_error(d->session->index, error);
        }
        values[c++] = Int64GetDatum(static_cast<int64>(entries));
        values[c++] = Int64GetDatum(static_cast<int64>(bytes));
        for (Counter k : {Counter::kHits, Counter::kMisses, Counter::kBypasses, Counter::kStaleHits,
                          Counter::kFills}) {
            values[c++] = Int64GetDatum(static_cast<int64>(t[k]));
        }
        values[c++] = millis(t[Counter::kLoadMicros]);
        for (Counter k : {Counter::kEvictions, Counter::kExpirations, Counter::kInvalidations,
                          Counter::kRefreshes, Counter::kErrors}) {
            values[c++] = Int64GetDatum(static_cast<int64>(t[k]));
        }
        const uint64 reads = t[Counter::kHits] + t[Counter::kStaleHits] + t[Counter::kMisses] +
                             t[Counter::kBypasses];
        nulls[c] = reads == 0;
        values[c++] = Float8GetDatum(
            reads == 0 ? 0 : static_cast<double>(t[Counter::kHits]) / static_cast<double>(reads));
        values[c++] = millis(t[Counter::kSavedMicros]);
        nulls[c] = error[0] == '\0' || !may_see(d);
        if (!nulls[c]) values[c] = CStringGetTextDatum(error);
        ++c;
        nulls[c] = reset == 0;
        values[c++] = TimestampTzGetDatum(from_millis(reset));
        values[c++] = Int64GetDatum(static_cast<int64>(t[Counter::kOversized]));
        for (Counter k : {Counter::kUntriggered, Counter::kSpurious, Counter::kWaits}) {
            values[c++] = Int64GetDatum(static_cast<int64>(t[k]));
        }
        tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
    }
    PG_RETURN_VOID();
}

// One row per cache and reason that has occurred.
extern "C" Datum cache_bypass_rows_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const int n = definition_count();
    if (!store_ready()) PG_RETURN_VOID();
    find_control_blocks();
    for (int i = 0; i < n; ++i) {
        const Definition* d = definition_at(i);
        if (d->session->index == core::kNoCache) continue;
        const core::CounterTotals t = store().control(d->session->index)->counters.totals();
        for (uint32 r = 0; r < core::kBypassReasons; ++r) {
            if (t.bypass[r] == 0) continue;
            Datum values[3] = {CStringGetTextDatum(d->name),
                               CStringGetTextDatum(bypass_text(static_cast<core::Bypass>(r))),
                               Int64GetDatum(static_cast<int64>(t.bypass[r]))};
            bool nulls[3] = {};
            tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
        }
    }
    PG_RETURN_VOID();
}

extern "C" Datum cache_entry_rows_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (!store_ready() || definition_count() == 0) PG_RETURN_VOID();
    find_control_blocks();
    MemoryContext scratch =
        AllocSetContextCreate(CurrentMemoryContext, "cache_ext entry", ALLOCSET_DEFAULT_SIZES);
    for_each_entry(to_core(GetActiveSnapshot()), [&](const core::EntryInfo& e, const uint8* key) {
        MemoryContext old = MemoryContextSwitchTo(scratch);
        put_entry(set, e, key);
        MemoryContextSwitchTo(old);
        MemoryContextReset(scratch);
    });
    PG_RETURN_VOID();
}

// NULL: all caches that the user owns.
extern "C" Datum cache_stat_reset_1_0(PG_FUNCTION_ARGS) {
    require_store("cache_stat_reset");
    const Definition* one =
        PG_ARGISNULL(0) ? nullptr : require_definition(text_to_cstring(PG_GETARG_TEXT_PP(0)));
    if (one != nullptr) require_owner(one);
    find_control_blocks();
    for (int i = 0; i < definition_count(); ++i) {
        const Definition* d = definition_at(i);
        if (one != nullptr && d != one) continue;
        if (d->session->index == core::kNoCache) continue;
        if (OidIsValid(d->accessor) &&
            !object_ownercheck(ProcedureRelationId, d->accessor, GetUserId()))
            continue;
        store().reset_stats(d->session->index);
        reset_loading_counts(d);
    }
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
