// What the values of an aggregate cache are made of: counts, sums, averages, least and greatest
// values, the first ones in an order, and what boolean ones have in common, over the rows of one
// table that have the key.
//
// The one place where that is kept is the body of the loader that cache_create_aggregate has made,
// which the catalog holds as a tree: columns and functions are in it by number, so they may be
// renamed, and what it needs cannot be dropped or change its type while it is there. Here the tree
// is read back. A body that is not the one that was made is no aggregate: its cache says so.
#pragma once

#include "pg/catalog/definition.hpp"
#include "pg/catalog/measures.hpp"

extern "C" {
#include "nodes/bitmapset.h"
#include "nodes/primnodes.h"
}

namespace cache_ext::pg {

struct Aggregate {
    Oid relation;
    Expr* keys[kMaxKeyColumns];  // as many as the cache has columns
    Expr* filter;                // nullptr: every row
    int measure_count;
    Measure* measures;
    int part_count;
    int amount_count;
    core::Groups groups;  // those of what is kept in order
    bool in_row;          // the loader returns a row of what it would return otherwise, and lists
    Bitmapset* columns;   // those that all of that reads, by number
};

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
