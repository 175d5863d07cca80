// For tests. What they compare docs/reference.md, cache_create and the columns of cache_definition
// with: the table of options. And the option expires by itself, at any time.
#include "pg/base/calendar.hpp"
#include "pg/catalog/option_table.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"
}

namespace cache_ext::pg {

extern "C" {
PG_FUNCTION_INFO_V1(cache_option_rows_1_0);
PG_FUNCTION_INFO_V1(cache_period_1_0);
}

extern "C" Datum cache_option_rows_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (int i = 0; i < kOptions; ++i) {
        const OptionInfo& option = option_info(static_cast<Option>(i));
        const bool has_range = option.type_oid == INTERVALOID || option.type_oid == INT4OID;
        Datum values[5] = {CStringGetTextDatum(option.name), ObjectIdGetDatum(option.type_oid), 0,
                           Int64GetDatum(option.least), Int64GetDatum(option.most)};
        const bool nulls[5] = {false, false, option.if_null == nullptr, !has_range, !has_range};
        if (!nulls[2]) values[2] = CStringGetTextDatum(option.if_null);
        tuplestore_putvalues(set->setResult, set->setDesc, values, const_cast<bool*>(nulls));
    }
    PG_RETURN_VOID();
}

extern "C" Datum cache_period_1_0(PG_FUNCTION_ARGS) {
    TupleDesc row;
    Calendar calendar;
    if (get_call_result_type(fcinfo, nullptr, &row) != TYPEFUNC_COMPOSITE ||
        read_calendar(text_to_cstring(PG_GETARG_TEXT_PP(0)), pg_get_timezone_name(session_timezone),
                      &calendar) != CalendarProblem::kNone ||
        TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(1))) {
        PG_RETURN_NULL();
    }
    const core::Period period = period_of(calendar, PG_GETARG_TIMESTAMPTZ(1));
    const Datum values[2] = {TimestampTzGetDatum(period.since), TimestampTzGetDatum(period.until)};
    const bool nulls[2] = {};
    return HeapTupleGetDatum(
        heap_form_tuple(BlessTupleDesc(row), const_cast<Datum*>(values), const_cast<bool*>(nulls)));
}

}  // namespace cache_ext::pg
