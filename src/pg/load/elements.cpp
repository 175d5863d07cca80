#include "pg/load/elements.hpp"

#include "pg/base/memory.hpp"
#include "pg/load/amounts.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

namespace cache_ext::pg {
namespace {

using core::Amount;

constexpr uint64 kSign = uint64{1} << 63;

// Places of values in the order of their type, as whole numbers with a sign; turned, their order
// is.
int64 place_of(Oid type, Datum value, bool down) {
    Amount amount = 0;
    amount_of_value(type, value, 0, &amount);
    const auto place = static_cast<int64>(amount);
    return down ? ~place : place;
}

Datum value_at(Oid type, int64 place, bool down) {
    Datum value = 0;
    value_of_amount(type, down ? ~place : place, 0, &value);
    return value;
}

Datum value_of_element(const Measure& m, Amount element) {
    const auto upper = static_cast<int64>(element >> 64);
    const auto lower = static_cast<int64>(static_cast<uint64>(element) ^ kSign);
    return value_at(m.input, m.order == nullptr ? upper : lower, m.value_goes.down);
}

struct List {
    int count;
    Datum* records;
};

// Of an array that has the shape of a list.
List list_in(Datum array) {
    List list;
    bool* nulls;
    deconstruct_array(DatumGetArrayTypeP(array), RECORDOID, -1, false, TYPALIGN_DOUBLE,
                      &list.records, &nulls, &list.count);
    return list;
}

// What is collected, and what it is in order of. False: the record has other columns.
bool read_record(const Measure& m, Datum record, Datum* values, bool* nulls) {
    HeapTupleHeader header = DatumGetHeapTupleHeader(record);
    TupleDesc desc =
        lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
    const int columns = m.order == nullptr ? 1 : 2;
    const bool good = desc->natts == columns && TupleDescAttr(desc, 0)->atttypid == m.input &&
                      (columns == 1 || TupleDescAttr(desc, 1)->atttypid == m.order_type);
    if (good) {
        HeapTupleData tuple = {};
        tuple.t_len = HeapTupleHeaderGetDatumLength(header);
        tuple.t_data = header;
        heap_deform_tuple(&tuple, desc, values, nulls);
    }
    ReleaseTupleDesc(desc);
    return good;
}

Datum array_of(const Measure& m, Datum* values, bool* nulls, int count) {
    int16 length;
    bool by_value;
    char alignment;
    get_typlenbyvalalign(m.input, &length, &by_value, &alignment);
    int dims[] = {count}, from[] = {1};
    return PointerGetDatum(
        construct_md_array(values, nulls, 1, dims, from, m.input, length, by_value, alignment));
}

}  // namespace

bool element_amount(const Measure& m, Datum value, Datum order, Amount* out) {
    const int64 own = place_of(m.input, value, m.value_goes.down);
    const int64 upper = m.order == nullptr ? own : place_of(m.order_type, order, m.order_goes.down);
    const uint64 lower = m.order == nullptr ? 0 : static_cast<uint64>(own) ^ kSign;
    *out = static_cast<Amount>(static_cast<unsigned __int128>(static_cast<Amount>(upper)) << 64 |
                               lower);
    return *out != core::kNoLeast;
}

bool has_elements(const Measure& m, Datum list) {
    ArrayType* array = DatumGetArrayTypeP(list);
    if (ARR_NDIM(array) != 1 || array_contains_nulls(array)) return false;
    const List l = list_in(list);
    return l.count <= m.kept && std::all_of(l.records, l.records + l.count, [&](Datum record) {
               Datum values[2];
               bool nulls[2];
               return read_record(m, record, values, nulls);
           });
}

bool elements_of_list(const Measure& m, Datum list, Amount* out) {
    const List l = list_in(list);
    for (int i = 0; i < l.count; ++i) {
        Datum values[2] = {};
        bool nulls[2] = {};
        read_record(m, l.records[i], values, nulls);
        if (nulls[0] || nulls[1] || !element_amount(m, values[0], values[1], &out[i])) return false;
        if (i > 0 && out[i] < out[i - 1]) {
            ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                            errmsg("the loader of an aggregate cache has returned the first of a "
                                   "group in another order"),
                            errhint("Declare the cache anew: cache_drop, then "
                                    "cache_create_aggregate.")));
        }
    }
    return true;
}

Datum array_of_list(const Measure& m, Datum list) {
    const List l = list_in(list);
    Datum values[kMaxFirsts];
    bool nulls[kMaxFirsts];
    const int count = std::min(l.count, m.wanted);
    for (int i = 0; i < count; ++i) {
        Datum both[2];
        bool both_null[2];
        read_record(m, l.records[i], both, both_null);
        values[i] = both[0];
        nulls[i] = both_null[0];
    }
    return array_of(m, values, nulls, count);
}

Datum array_of_elements(const Measure& m, const Amount* elements, int count) {
    Datum values[core::kMaxAmounts];
    bool nulls[core::kMaxAmounts] = {};
    for (int i = 0; i < count; ++i) values[i] = value_of_element(m, elements[i]);
    return array_of(m, values, nulls, count);
}

}  // namespace cache_ext::pg
