#include "pg/load/aggregate_values.hpp"

#include "pg/base/memory.hpp"
#include "pg/load/amounts.hpp"
#include "pg/load/elements.hpp"

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

// As many as the aggregate has.
struct Parts {
    Datum* values;
    bool* nulls;
    Oid* types;  // numeric, int4, or an array
};

// Are they of the types that the measure's have, and is each part there that has a value whatever
// the rows are: a count, and the microseconds of a time, unless that is infinite?
bool has_parts(const Measure& m, const Parts& p) {
    if (m.kind == MeasureKind::kFirsts) {
        const int wanted = m.part + parts_of(m) - 1;
        return p.types[wanted] == INT4OID && !p.nulls[wanted] &&
               DatumGetInt32(p.values[wanted]) == m.wanted &&
               are_lists(m, &p.types[m.part], &p.values[m.part], &p.nulls[m.part]);
    }
    if (std::any_of(p.types + m.part, p.types + m.part + parts_of(m),
                    [](Oid type) { return type != NUMERICOID; })) {
        return false;
    }
    if (!p.nulls[m.part + parts_of(m) - 1]) return true;
    return is_extreme(m.kind) &&
           (p.nulls[m.part] || numeric_is_inf(DatumGetNumeric(p.values[m.part])));
}

// Puts what a field of the row, or the array, has behind the `count` parts that are there. False:
// there are too many.
bool add_parts(const Aggregate* a, Oid type, Datum value, bool is_null, Parts* p, int* count) {
    Datum* values = &value;
    bool* nulls = &is_null;
    int more = 1;
    if (type == NUMERICARRAYOID && !is_null) {
        type = NUMERICOID;
        deconstruct_array(DatumGetArrayTypeP(value), type, -1, false, TYPALIGN_INT, &values, &nulls,
                          &more);
    }
    if (more > a->part_count - *count) return false;
    std::copy_n(values, more, p->values + *count);
    std::copy_n(nulls, more, p->nulls + *count);
    std::fill_n(p->types + *count, more, type);
    *count += more;
    return true;
}

bool add_fields(const Aggregate* a, Datum row, Parts* p, int* count) {
    HeapTupleHeader header = DatumGetHeapTupleHeader(row);
    TupleDesc desc =
        lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
    const auto fields = static_cast<size_t>(desc->natts);
    auto* values = make_array<Datum>(fields);
    auto* nulls = make_array<bool>(fields);
    HeapTupleData tuple = {};
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    tuple.t_data = header;
    heap_deform_tuple(&tuple, desc, values, nulls);
    bool good = true;
    for (int i = 0; i < desc->natts && good; ++i) {
        good = add_parts(a, TupleDescAttr(desc, i)->atttypid, values[i], nulls[i], p, count);
    }
    ReleaseTupleDesc(desc);
    return good;
}

// What the array or row has; ERROR if that is not what the loader was made for, whose body may have
// been replaced since it was looked at. The type that it returns stays with the function.
Parts parts_in(const Aggregate* a, Datum parts) {
    const auto most = static_cast<size_t>(a->part_count);
    Parts p = {make_array<Datum>(most), make_array<bool>(most), make_array<Oid>(most)};
    int count = 0;
    const bool read = a->in_row ? add_fields(a, parts, &p, &count)
                                : add_parts(a, NUMERICARRAYOID, parts, false, &p, &count);
    const bool whole = read && count == a->part_count &&
                       std::all_of(a->measures, a->measures + a->measure_count,
                                   [&](const Measure& m) { return has_parts(m, p); });
    if (!whole) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("the loader of an aggregate cache has returned what it was not "
                               "made for"),
                        errhint("Declare the cache anew: cache_drop, then "
                                "cache_create_aggregate.")));
    }
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

// As PostgreSQL's own aggregates end.
bool measure_value(const Measure& m, const Amount* amounts, Datum* value, bool* is_null) {
    const Amount first = amounts[m.amount];
    *is_null = false;
    if (m.kind == MeasureKind::kFirsts) {
        Amount left[kMaxFirsts];
        uint32 count;
        const Amount* came = amounts + m.amount;
        if (!core::least_left({came, static_cast<uint32>(m.kept)},
                              {came + m.kept, static_cast<uint32>(went_of(m))},
                              static_cast<uint32>(m.wanted), left, &count)) {
            return false;
        }
        *is_null = count == 0;
        if (!*is_null) *value = array_of_elements(m, left, static_cast<int>(count));
        return true;
    }
    if (m.kind == MeasureKind::kCount) return value_of_amount(m.result, first, 0, value);
    const Amount second = amounts[m.amount + 1];
    if (is_extreme(m.kind)) {
        // That row may have been the one with the least value. Of what went and was greater, no.
        if (second <= first && second != core::kNoLeast) return false;
        *is_null = first == core::kNoLeast;
        return *is_null || value_of_amount(m.result, turned(m.kind, first), m.scale, value);
    }
    *is_null = second == 0;  // inputs
    if (*is_null) return true;
    switch (m.kind) {
        case MeasureKind::kAverage:
            *value = DirectFunctionCall2(numeric_div, numeric_of_amount(first, m.scale),
                                         numeric_of_amount(second, 0));
            return true;
        case MeasureKind::kBoolOr:
            *value = BoolGetDatum(first != 0);
            return true;
        case MeasureKind::kBoolAnd:
            *value = BoolGetDatum(first == second);
            return true;
        default:
            return value_of_amount(m.result, first, m.scale, value);
    }
}

// Of a measure whose first part is not NULL.
Datum value_of_parts(const Measure& m, const Parts& p) {
    const Datum part = p.values[m.part];
    if (m.kind == MeasureKind::kFirsts) return array_of_list(m, part);
    switch (m.result) {
        case BOOLOID:
            return BoolGetDatum(DatumGetInt32(DirectFunctionCall1(numeric_int4, part)) != 0);
        case INT2OID:
            return DirectFunctionCall1(numeric_int2, part);
        case INT4OID:
            return DirectFunctionCall1(numeric_int4, part);
        case INT8OID:
            return DirectFunctionCall1(numeric_int8, part);
        case DATEOID:
            return date_of_epoch(part);
        case TIMESTAMPOID:
        case TIMESTAMPTZOID:
            return time_of_epoch(part, p.values[m.part + 1]);
        default:
            return part;
    }
}

bool amounts_of_measure(const Measure& m, const Parts& p, Amount* out) {
    if (m.kind == MeasureKind::kCount) return amount_of_numeric(p.values[m.part], 0, out);
    if (is_extreme(m.kind)) {
        out[0] = out[1] = core::kNoLeast;
        return p.nulls[m.part] || extreme_amount(m, value_of_parts(m, p), &out[0]);
    }
    if (m.kind == MeasureKind::kFirsts) {
        std::fill_n(out, amounts_of(m), core::kNoLeast);
        return p.nulls[m.part] || elements_of_lists(m, &p.values[m.part], out);
    }
    const int sum = m.part + parts_of(m) - 2;
    out[0] = 0;
    return amount_of_numeric(p.values[sum + 1], 0, &out[1]) &&
           (p.nulls[sum] || amount_of_numeric(p.values[sum], m.scale, &out[0]));
}

}  // namespace

Datum row_of_parts(const Definition* d, const Aggregate* a, Datum parts) {
    const Parts p = parts_in(a, parts);
    Datum values[kMaxMeasures];
    bool nulls[kMaxMeasures];
    for (int i = 0; i < a->measure_count; ++i) {
        const Measure& m = a->measures[i];
        nulls[i] = p.nulls[m.part];
        values[i] = nulls[i] ? Datum{0} : value_of_parts(m, p);
    }
    return make_row(d, a, values, nulls);
}

bool amounts_of_parts(const Aggregate* a, Datum parts, Amount* out) {
    const Parts p = parts_in(a, parts);
    return std::all_of(a->measures, a->measures + a->measure_count,
                       [&](const Measure& m) { return amounts_of_measure(m, p, &out[m.amount]); });
}

bool extreme_amount(const Measure& m, Datum value, Amount* out) {
    if (!amount_of_value(m.input, value, m.scale, out)) return false;
    *out = turned(m.kind, *out);
    return *out != core::kNoLeast;  // which says that there is none
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
