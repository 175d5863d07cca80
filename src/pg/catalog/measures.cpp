#include "pg/catalog/measures.hpp"

extern "C" {
#include "catalog/pg_aggregate.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

// Negative ones are possible; a typmod that is none has -1.
int scale_of(int32 typmod) {
    if (typmod < static_cast<int32>(VARHDRSZ)) return -1;
    const int32 packed = (typmod - static_cast<int32>(VARHDRSZ)) & 0x7ff;
    return (packed ^ 1024) - 1024;
}

bool is_named_min_or_max(Oid function) {
    const char* name = get_func_name(function);
    return name != nullptr && (strcmp(name, "min") == 0 || strcmp(name, "max") == 0);
}

}  // namespace

int parts_of(const Measure& m) {
    switch (m.kind) {
        case MeasureKind::kCount:
            return 1;
        case MeasureKind::kSum:
            return 2;
        case MeasureKind::kMin:
        case MeasureKind::kMax:
            return m.input == TIMESTAMPOID || m.input == TIMESTAMPTZOID ? 2 : 1;
        case MeasureKind::kFirsts:
            return m.order == nullptr ? 2 : 3;
        default:
            return 3;
    }
}

bool measure_of(const Aggref* call, Measure* m, const char** why, const char** hint) {
    *m = {};
    *hint =
        "It may be count(*), count(x), sum(x), avg(x), min(x), max(x), bool_or(x), bool_and(x) or "
        "(array_agg(x ORDER BY y, x))[1:N], each with FILTER.";
    if (call->aggdistinct != NIL) {
        *why = "DISTINCT needs to know which rows there are";
        return false;
    }
    if (call->aggorder != NIL || call->aggdirectargs != NIL || call->aggkind != AGGKIND_NORMAL) {
        *why = "what depends on the order of rows cannot be kept up to date";
        return false;
    }
    m->filter = call->aggfilter;
    m->result = call->aggtype;
    if (call->args != NIL) m->argument = linitial_node(TargetEntry, call->args)->expr;
    switch (call->aggfnoid) {
        case F_COUNT_:
        case F_COUNT_ANY:
            m->kind = MeasureKind::kCount;
            return true;
        case F_SUM_INT2:
        case F_SUM_INT4:
        case F_SUM_INT8:
        case F_SUM_NUMERIC:
            m->kind = MeasureKind::kSum;
            break;
        case F_AVG_INT2:
        case F_AVG_INT4:
        case F_AVG_INT8:
        case F_AVG_NUMERIC:
            m->kind = MeasureKind::kAverage;
            break;
        case F_BOOL_OR:
            m->kind = MeasureKind::kBoolOr;
            break;
        case F_BOOL_AND:
        case F_EVERY:
            m->kind = MeasureKind::kBoolAnd;
            break;
        case F_MIN_INT2:
        case F_MIN_INT4:
        case F_MIN_INT8:
        case F_MIN_NUMERIC:
        case F_MIN_DATE:
        case F_MIN_TIMESTAMP:
        case F_MIN_TIMESTAMPTZ:
            m->kind = MeasureKind::kMin;
            break;
        case F_MAX_INT2:
        case F_MAX_INT4:
        case F_MAX_INT8:
        case F_MAX_NUMERIC:
        case F_MAX_DATE:
        case F_MAX_TIMESTAMP:
        case F_MAX_TIMESTAMPTZ:
            m->kind = MeasureKind::kMax;
            break;
        case F_SUM_FLOAT4:
        case F_SUM_FLOAT8:
        case F_AVG_FLOAT4:
        case F_AVG_FLOAT8:
            *why = "a sum of floating-point numbers depends on their order";
            *hint = "Cast what is added up to numeric(p, s), as in sum(x::numeric(20,4)).";
            return false;
        default:
            *why = "no change of a row tells how it changes";
            if (is_named_min_or_max(call->aggfnoid)) {
                *why = psprintf("values of type %s are not kept", format_type_be(call->aggtype));
                *hint =
                    "min and max may be of smallint, integer, bigint, numeric(p, s), date, "
                    "timestamp and timestamptz. Cast a number, as in min(x::numeric(20,4)).";
            }
            return false;
    }
    if (is_extreme(m->kind)) m->kept = m->wanted = 1;
    m->input = exprType(reinterpret_cast<Node*>(m->argument));
    if (m->input != NUMERICOID) return true;
    m->scale = scale_of(exprTypmod(reinterpret_cast<Node*>(m->argument)));
    if (m->scale >= 0 && m->scale <= kMaxAmountScale) return true;
    *why = "how many digits numeric has behind the point is not known, or too many";
    *hint =
        psprintf("Cast it to numeric(p, s) with a scale from 0 to %d, as in %s(x::numeric(20,4)).",
                 kMaxAmountScale, get_func_name(call->aggfnoid));
    return false;
}

}  // namespace cache_ext::pg
