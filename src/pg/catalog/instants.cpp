#include "pg/catalog/instants.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
}

namespace cache_ext::pg {
namespace {

enum class Family : uint8 { kNone, kNumber, kTime, kZonedTime };

Family family_of(Oid type) {
    switch (type) {
        case INT2OID:
        case INT4OID:
        case INT8OID:
            return Family::kNumber;
        case DATEOID:
        case TIMESTAMPOID:
            return Family::kTime;
        case TIMESTAMPTZOID:
            return Family::kZonedTime;
        default:
            return Family::kNone;
    }
}

// Its midnight, as the server compares it with timestamps. Dates go beyond these: there they are
// the end of time.
core::Instant midnight_of(DateADT date) {
    if (DATE_IS_NOBEGIN(date)) return INT64_MIN;
    if (DATE_IS_NOEND(date) || date >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE) {
        return INT64_MAX;
    }
    return date * USECS_PER_DAY;
}

// Different values may have met at the ends of time.
bool exact(core::Instant instant) {
    return instant != INT64_MIN && instant != INT64_MAX;
}

const char* bound_argument(const char* which, int key_column, Oid accessor) {
    if (key_column == 0) return "";
    const char* name = nullptr;
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(accessor));
    if (HeapTupleIsValid(tuple)) {
        Oid* types;
        char** names;
        char* modes;
        const int count = get_func_arg_info(tuple, &types, &names, &modes);
        if (names != nullptr && key_column <= count && names[key_column - 1][0] != '\0') {
            name = names[key_column - 1];
        }
        ReleaseSysCache(tuple);
    }
    if (name == nullptr) name = psprintf("$%d", key_column);
    return psprintf(", %s => %s", which, quote_literal_cstr(name));
}

}  // namespace

bool read_ends(const char* text, Bounds* bounds) {
    const bool known = strlen(text) == 2 && (text[0] == '[' || text[0] == '(') &&
                       (text[1] == ']' || text[1] == ')');
    bounds->since_excluded = text[0] == '(';
    bounds->until_included = known && text[1] == ']';
    return known;
}

const char* ends_text(const Bounds& bounds) {
    if (bounds.since_excluded) return bounds.until_included ? "(]" : "()";
    return bounds.until_included ? "[]" : "[)";
}

const char* bounds_arguments(const Bounds& bounds, const char* instant, Oid accessor) {
    if (!bounds.any()) return "";
    const char* since = bound_argument("since", bounds.since, accessor);
    const char* until = bound_argument("until", bounds.until, accessor);
    const bool usual = !bounds.since_excluded && !bounds.until_included;
    return psprintf(", instant => %s%s%s%s", quote_literal_cstr(instant), since, until,
                    usual ? "" : psprintf(", bounds => '%s'", ends_text(bounds)));
}

bool gives_instants(Oid column_type, Oid key_type) {
    const Family family = family_of(column_type);
    return family != Family::kNone && family == family_of(key_type);
}

core::Instant instant_of(Oid type, Datum value) {
    switch (type) {
        case INT2OID:
            return DatumGetInt16(value);
        case INT4OID:
            return DatumGetInt32(value);
        case INT8OID:
            return DatumGetInt64(value);
        case DATEOID:
            return midnight_of(DatumGetDateADT(value));
        default:  // infinity is where the number ends
            return DatumGetTimestamp(value);
    }
}

core::Span span_between(const Bounds& bounds, const Oid* types, const Datum* values,
                        const bool* nulls) {
    core::Span span;
    if (bounds.since != 0 && !nulls[bounds.since - 1]) {
        span.lo = instant_of(types[bounds.since - 1], values[bounds.since - 1]);
        if (bounds.since_excluded && exact(span.lo)) ++span.lo;
    }
    if (bounds.until != 0 && !nulls[bounds.until - 1]) {
        span.hi = instant_of(types[bounds.until - 1], values[bounds.until - 1]);
        if (!bounds.until_included && exact(span.hi)) --span.hi;
    }
    // Nothing lies there; whoever has declared it may have meant something.
    if (span.lo > span.hi) std::swap(span.lo, span.hi);
    return span;
}

}  // namespace cache_ext::pg
