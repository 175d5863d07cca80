// What the values of an aggregate cache are made of: counts, sums, averages, least and greatest
// values, and what boolean ones have in common, over the rows of one table that have the key.
//
// The one place where that is kept is the body of the loader that cache_create_aggregate has made,
// which the catalog holds as a tree: columns and functions are in it by number, so they may be
// renamed, and what it needs cannot be dropped or change its type while it is there. Here the tree
// is read back. A body that is not the one that was made is no aggregate: its cache says so.
#pragma once

#include "core/account.hpp"
#include "pg/catalog/definition.hpp"

extern "C" {
#include "nodes/bitmapset.h"
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
enum class MeasureKind : uint8 { kCount, kSum, kAverage, kBoolOr, kBoolAnd, kMin, kMax };

struct Measure {
    MeasureKind kind;
    Oid input;       // type of what goes in; InvalidOid: of a count
    Oid result;      // type of the measure
    int scale;       // digits behind the point that its first amount has
    int part;        // its first place in what the loader returns; there, its value
    int amount;      // its first amount
    Expr* argument;  // nullptr: of count(*)
    Expr* filter;    // nullptr: every row
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
inline int amounts_of(MeasureKind kind) {
    return kind == MeasureKind::kCount ? 1 : 2;
}

struct Aggregate {
    Oid relation;
    Expr* keys[kMaxKeyColumns];  // as many as the cache has columns
    Expr* filter;                // nullptr: every row
    int measure_count;
    Measure* measures;
    int part_count;
    int amount_count;
    core::LesserMask lesser;  // which amounts these are
    Bitmapset* columns;       // those that all of that reads, by number
};

// The measure that a function of aggregation makes of this argument (nullptr: of rows). False: none
// that can be kept up to date; *why and *hint say why not.
bool measure_of(const Aggref* call, Measure* measure, const char** why, const char** hint);

// Of the stored body of the loader of this cache, for which `definition` needs its key only. In the
// current memory context; nullptr: it is not made so.
const Aggregate* read_aggregate(const Definition* definition, Oid loader);
// Are its expressions the same whoever computes them? To be asked before the body is taken for one
// of the kind; from then on its fingerprint stands for the answer.
bool is_sound(const Definition* definition, const Aggregate* aggregate);
// The same as read_aggregate(), as this session keeps it with the definition. nullptr: the cache is
// none, or not any more.
const Aggregate* aggregate_of(const Definition* definition);

// What tells a body from others, of a function that has one of the kind; 0: it has none. Never 0 or
// the same of two bodies, as far as 64 bits go.
uint64 fingerprint_of_body(Oid function);

}  // namespace cache_ext::pg
