// All expressions of a plan: those that it was planned with, functions that were inlined and
// policies that were added among them.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/plannodes.h"
}

namespace cache_ext::pg {

// Calls `walk` for each, until it returns true; that goes on into them by expression_tree_walker().
// True: it did, or there is a kind of node that nobody knows here. (What prunes partitions while
// the plan runs is among the conditions of the partitions' own plans as well.)
bool walk_plan(const PlannedStmt* statement, bool (*walk)(Node*, void*), void* context);

}  // namespace cache_ext::pg
