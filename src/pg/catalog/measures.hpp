// One measure of an aggregate cache: what it is made of, and which amounts tell it.
#pragma once

#include "core/amounts.hpp"
#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/primnodes.h"
}

namespace cache_ext::pg {

// Each has these amounts:
//
//   kCount               the count
//   kSum, kAverage       the sum, and the number of inputs: of none it is NULL
//   kBoolOr, kBoolAnd    the number of inputs that are true, and that of all
//   kMin, kMax           the least input that rows have brought, and the least that went with rows
//                        (core/account.hpp); of kMax with the other sign
//   kFirsts              the least elements (firsts.hpp) that rows have brought, and the least that
//                        went with rows
enum class MeasureKind : uint8 { kCount, kSum, kAverage, kBoolOr, kBoolAnd, kMin, kMax, kFirsts };

struct Direction {
    bool down;
    bool nulls_first;
};

struct Measure {
    MeasureKind kind;
    Oid input;       // type of what goes in; InvalidOid: of a count
    Oid result;      // type of the measure
    int scale;       // digits behind the point that its first amount has
    int part;        // its first place in what the loader returns; there, its value
    int amount;      // its first amount
    Expr* argument;  // nullptr: of count(*)
    Expr* filter;    // nullptr: every row
    int kept;        // of values that are kept in order: how many of those that came,
    int wanted;      // and how many are told; an extreme is the case of one
    // Of kFirsts, what rows are in order of, before the argument; nullptr: of that alone.
    Expr* order;
    Oid order_type;
    Direction order_goes;
    Direction value_goes;
};

// More digits behind the point than that would leave too few before it.
constexpr int kMaxAmountScale = 24;

inline bool is_extreme(MeasureKind kind) {
    return kind == MeasureKind::kMin || kind == MeasureKind::kMax;
}
inline bool is_boolean(MeasureKind kind) {
    return kind == MeasureKind::kBoolOr || kind == MeasureKind::kBoolAnd;
}
// The greatest is the least of the opposite numbers. No value has the one amount that has none.
inline core::Amount turned(MeasureKind kind, core::Amount amount) {
    return kind == MeasureKind::kMax ? -amount : amount;
}
// In what the loader returns.
int parts_of(const Measure& measure);
// Are the measure's amounts two groups (core/amounts.hpp), of those that came and of those that
// went?
inline bool is_kept(const Measure& m) {
    return is_extreme(m.kind) || m.kind == MeasureKind::kFirsts;
}
// The amounts of those that went, one more than are kept in reserve: when these have gone, there is
// still room, which says that no more did.
inline int went_of(const Measure& m) {
    return m.kept - m.wanted + 1;
}
inline int amounts_of(const Measure& m) {
    if (is_kept(m)) return m.kept + went_of(m);
    return m.kind == MeasureKind::kCount ? 1 : 2;
}

// The measure that a function of aggregation makes of this argument (nullptr: of rows). False: none
// that can be kept up to date; *why and *hint say why not.
bool measure_of(const Aggref* call, Measure* measure, const char** why, const char** hint);

}  // namespace cache_ext::pg
