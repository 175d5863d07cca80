// Suspended caches, as SQL sees them: cache_suspended, cache_resume, and the check of cache_health.
#include "pg/catalog/arguments.hpp"
#include "pg/pool/conduct.hpp"
#include "pg/sql/health.hpp"
#include "pg/pool/looks.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/base/store_handle.hpp"

extern "C" {
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/tuplestore.h"
}

namespace cache_ext::pg {
namespace {

const char* reason_of(const Conduct& c) {
    if (c.endless) return "its loader went on although its worker was terminated";
    return psprintf("its loader went on after it was cancelled, and %u workers were terminated",
                    c.terminations);
}

}  // namespace

HealthCheck check_suspended(const Definition* const* definitions, int count) {
    HealthCheck check = {"suspended"};
    StringInfoData text;
    initStringInfo(&text);
    int n = 0;
    for (int i = 0; i < count; ++i) {
        Conduct c;
        if (!suspension(definitions[i]->id, &c) || ++n > kNamedCaches) continue;
        appendStringInfo(&text, "%s%s: %s", n > 1 ? ", " : "", definitions[i]->name, reason_of(c));
    }
    if (n > kNamedCaches) appendStringInfo(&text, " and %d more", n - kNamedCaches);
    check.measured = true;
    check.value = n;
    if (n > 0) check.status = Status::kCritical;
    check.detail = n > 0 ? text.data : "background work goes on for all caches";
    return check;
}

extern "C" {
PG_FUNCTION_INFO_V1(cache_suspended_rows_1_0);
PG_FUNCTION_INFO_V1(cache_resume_1_0);
}

// Behind the view cache_suspended: those that the user may see.
extern "C" Datum cache_suspended_rows_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (int i = 0, n = definition_count(); i < n; ++i) {
        const Definition* d = definition_at(i);
        Conduct c;
        if (!may_see(d) || !suspension(d->id, &c)) continue;
        Datum values[5] = {CStringGetTextDatum(d->name), TimestampTzGetDatum(c.since),
                           TimestampTzGetDatum(from_millis(c.resumes)),
                           Int64GetDatum(static_cast<int64>(c.terminations)),
                           CStringGetTextDatum(reason_of(c))};
        bool nulls[5] = {};
        tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
    }
    PG_RETURN_VOID();
}

// cache_resume(name text) RETURNS boolean: was it suspended?
extern "C" Datum cache_resume_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    require_owner(d);
    require_store("cache_resume");
    Conduct known;
    const bool suspended = suspension(d->id, &known);
    resume(d->id);
    if (suspended) request_look(MyDatabaseId);
    PG_RETURN_BOOL(suspended);
}

}  // namespace cache_ext::pg
