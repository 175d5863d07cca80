// The first N of a group as a measure: (array_agg(x ORDER BY y, x))[1:N].
//
// What rows bring to it is an *element*: the value of what they are in order of, and that of what
// is collected. The order is total, as what is collected is the last that it goes by, so elements
// that are equal have the same value and nobody can tell which row is which. An element is one
// amount, which is in order as the rows are (load/elements).
#pragma once

#include "pg/catalog/measures.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
}

namespace cache_ext::pg {

// Of one measure.
constexpr int kMaxFirsts = 32;

// The measure that such an expression over rows of the relation makes. False: none that can be kept
// up to date; *why and *hint say why not. What may be NULL is another matter.
bool firsts_of(const SubscriptingRef* slice, Oid relation, Measure* measure, const char** why,
               const char** hint);
// The same with a filter that keeps out the NULLs of what it is in order of, and of what it
// collects, where `filter`, of the relation's rows, and NOT NULL of columns do not; nullptr: they
// do.
const char* firsts_without_nulls(const SubscriptingRef* slice, Oid relation, const Measure& measure,
                                 Node* filter);

// What the loader returns of it: as many as are kept, in order, of what is collected, and, if that
// is something else, of what rows are in order of; and how many are wanted. (Two lists: an array of
// records takes several times as long.) `context`: of deparse_context_for() the relation.
void append_firsts(StringInfo body, const Measure& measure, List* context);
// Reads that back from field `i` on. False: it is something else.
bool read_firsts(List* fields, int i, Measure* measure);

}  // namespace cache_ext::pg
