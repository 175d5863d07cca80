#include "pg/load/elements.hpp"

#include "pg/load/amounts.hpp"

extern "C" {
#include "utils/array.h"
#include "utils/lsyscache.h"
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
    Datum* values;
    bool* nulls;
};

// Of an array of the type's.
List list_in(Oid type, Datum array) {
    List list;
    int16 length;
    bool by_value;
    char alignment;
    get_typlenbyvalalign(type, &length, &by_value, &alignment);
    deconstruct_array(DatumGetArrayTypeP(array), type, length, by_value, alignment, &list.values,
                      &list.nulls, &list.count);
    return list;
}

// Its length; -1: it is none of that type.
int length_of(Oid type, Oid array_type, Datum array) {
    if (array_type != get_array_type(type)) return -1;
    ArrayType* a = DatumGetArrayTypeP(array);
    return ARR_NDIM(a) == 1 ? ARR_DIMS(a)[0] : -1;
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

bool are_lists(const Measure& m, const Oid* types, const Datum* lists, const bool* nulls) {
    const bool two = m.order != nullptr;
    if (nulls[0]) return !two || nulls[1];
    const int count = length_of(m.input, types[0], lists[0]);
    return count >= 1 && count <= m.kept &&
           (!two || (!nulls[1] && length_of(m.order_type, types[1], lists[1]) == count));
}

bool elements_of_lists(const Measure& m, const Datum* lists, Amount* out) {
    const List values = list_in(m.input, lists[0]);
    const List orders = m.order == nullptr ? values : list_in(m.order_type, lists[1]);
    for (int i = 0; i < values.count; ++i) {
        if (values.nulls[i] || orders.nulls[i] ||
            !element_amount(m, values.values[i], orders.values[i], &out[i])) {
            return false;
        }
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
    const List l = list_in(m.input, list);
    return array_of(m, l.values, l.nulls, std::min(l.count, m.wanted));
}

Datum array_of_elements(const Measure& m, const Amount* elements, int count) {
    Datum values[core::kMaxAmounts];
    bool nulls[core::kMaxAmounts] = {};
    for (int i = 0; i < count; ++i) values[i] = value_of_element(m, elements[i]);
    return array_of(m, values, nulls, count);
}

}  // namespace cache_ext::pg
