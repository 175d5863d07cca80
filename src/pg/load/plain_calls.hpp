// What an expression may call without anybody seeing what that reads.
//
// The analysis of a loader (loader_analysis.hpp) says that a table is read by key only. A function
// whose body nobody has looked at might read the same table as a whole. So the functions, types and
// kinds of nodes that are known to read nothing are listed, and everything else counts as one that
// might.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace cache_ext::pg {

// The server's own, but for those that run a query which they are given or make, or functions of a
// type that they are told of by name; cache_valid_until(); and what accessors are made of: what
// other caches depend on reaches the value by their tags.
bool is_plain_function(Oid function);
// A type whose input, output, comparison, cast to JSON and checks run no functions but plain ones.
bool is_plain_type(Oid type);
// The node itself, without what is below it. A function in SQL whose body will be looked at is the
// caller's business.
bool is_plain_node(Node* node);
// The operators by which rows are sorted and grouped: of SortGroupClause.
bool are_plain_sort_clauses(List* clauses);

}  // namespace cache_ext::pg
