// cache_valid_until: a loader says for which times its value holds.
#include "pg/base/clock.hpp"
#include "pg/load/running_load.hpp"

extern "C" {
#include "access/parallel.h"
#include "utils/timestamp.h"
}

namespace cache_ext::pg {
namespace {

// Of a loader that says only when its value ends nothing is known of the times before it ran. A
// NULL and infinity say nothing.
core::Period period_said(FunctionCallInfo fcinfo) {
    core::Period period = core::Period::always();
    const core::Micros now = transaction_start_us();
    if (!PG_ARGISNULL(0) && !TIMESTAMP_IS_NOEND(PG_GETARG_TIMESTAMPTZ(0))) {
        period = {now, std::max<core::Micros>(PG_GETARG_TIMESTAMPTZ(0), now)};
    }
    if (PG_NARGS() > 1 && !PG_ARGISNULL(1)) period.since = PG_GETARG_TIMESTAMPTZ(1);
    return period;
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_valid_until_1_0);
}

// cache_valid_until(until timestamptz [, since timestamptz])
extern "C" Datum cache_valid_until_1_0(PG_FUNCTION_ARGS) {
    // The load is the leader's, and would not hear of it.
    if (IsParallelWorker()) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cache_valid_until cannot be called in a parallel worker"),
                        errhint("Mark the function that calls it PARALLEL RESTRICTED.")));
    }
    if (inside_load()) limit_load(period_said(fcinfo));
    if (PG_ARGISNULL(0)) PG_RETURN_NULL();
    PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

}  // namespace cache_ext::pg
