#include "pg/load/aggregate_values.hpp"

#include "pg/base/memory.hpp"
#include "pg/load/amounts.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/typcache.h"
#include "utils/numeric.h"
}

namespace cache_ext::pg {
namespace {

using core::Amount;

constexpr int kMaxMeasures = static_cast<int>(core::kMaxAmounts);

struct Parts {
    Datum* values;
    bool* nulls;
};

// What the array has; ERROR if that is not what the loader was made for.
Parts parts_in(const Aggregate* a, Datum parts) {
    Parts p;
    int count;
    deconstruct_array(DatumGetArrayTypeP(parts), NUMERICOID, -1, false, TYPALIGN_INT, &p.values,
                      &p.nulls, &count);
    if (count != a->part_count) elog(ERROR, "the loader of an aggregate returned %d parts", count);
    return p;
}

// The row's type is a type of the owner's, who may have changed it.
Datum make_row(const Definition* d, const Aggregate* a, Datum* values, bool* nulls) {
    TupleDesc desc = lookup_rowtype_tupdesc(d->value_type, -1);
    bool fits = desc->natts == a->measure_count;
    for (int i = 0; fits && i < desc->natts; ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(desc, i);
        fits = !column->attisdropped && column->atttypid == a->measures[i].result;
    }
    if (!fits) {
        ReleaseTupleDesc(desc);
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the row type of cache \"%s\" is not what it was made as", d->name),
                        errhint("Declare the cache anew: cache_drop('%s'), then "
                                "cache_create_aggregate.",
                                d->name)));
    }
    const Datum row = HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
    ReleaseTupleDesc(desc);
    return row;
}

bool to_int64(Amount amount, Datum* out) {
    if (amount < PG_INT64_MIN || amount > PG_INT64_MAX) return false;
    *out = Int64GetDatum(static_cast<int64>(amount));
    return true;
}

// As PostgreSQL's own aggregates end.
bool measure_value(const Measure& m, const Amount* amounts, Datum* value, bool* is_null) {
    const Amount first = amounts[m.amount];
    *is_null = false;
    if (m.kind == MeasureKind::kCount) return to_int64(first, value);
    const Amount inputs = amounts[m.amount + 1];
    *is_null = inputs == 0;
    if (*is_null) return true;
    if (m.result == INT8OID) return to_int64(first, value);
    *value = numeric_of_amount(first, m.scale);
    if (m.kind == MeasureKind::kAverage) {
        *value = DirectFunctionCall2(numeric_div, *value, numeric_of_amount(inputs, 0));
    }
    return true;
}

}  // namespace

Datum row_of_parts(const Definition* d, const Aggregate* a, Datum parts) {
    const Parts p = parts_in(a, parts);
    Datum values[kMaxMeasures];
    bool nulls[kMaxMeasures];
    for (int i = 0; i < a->measure_count; ++i) {
        const Measure& m = a->measures[i];
        values[i] = p.values[m.part];
        nulls[i] = p.nulls[m.part];
        if (!nulls[i] && m.result == INT8OID) {
            values[i] = DirectFunctionCall1(numeric_int8, values[i]);
        }
    }
    return make_row(d, a, values, nulls);
}

bool amounts_of_parts(const Aggregate* a, Datum parts, Amount* out) {
    const Parts p = parts_in(a, parts);
    for (int i = 0; i < a->measure_count; ++i) {
        const Measure& m = a->measures[i];
        if (m.kind == MeasureKind::kCount) {
            if (!amount_of_numeric(p.values[m.part], 0, &out[m.amount])) return false;
            continue;
        }
        const int sum = m.part + parts_of(m.kind) - 2;
        out[m.amount] = 0;
        if (!amount_of_numeric(p.values[sum + 1], 0, &out[m.amount + 1])) return false;
        if (!p.nulls[sum] && !amount_of_numeric(p.values[sum], m.scale, &out[m.amount])) {
            return false;
        }
    }
    return true;
}

bool row_of_amounts(const Definition* d, const Aggregate* a, const Amount* amounts, Datum* row) {
    Datum values[kMaxMeasures];
    bool nulls[kMaxMeasures];
    for (int i = 0; i < a->measure_count; ++i) {
        if (!measure_value(a->measures[i], amounts, &values[i], &nulls[i])) return false;
    }
    *row = make_row(d, a, values, nulls);
    return true;
}

}  // namespace cache_ext::pg
