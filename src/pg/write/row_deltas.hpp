// What a changed row adds to the values of aggregate caches.
//
// The expressions are PostgreSQL's own and take nothing but the row (catalog/row_expressions), so
// they are evaluated where the row is, as whoever writes. An error of theirs is not the writer's:
// the key is invalidated then, or, if it is the key that is not known, the whole cache.
#pragma once

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "executor/tuptable.h"
#include "utils/rel.h"
}

namespace cache_ext::pg {

// Collects the change of a row of `relation`, to which the dependency of an aggregate cache
// applies; nullptr: there was no such row, or is none. Not `tells`: its keys are invalidated, and
// nothing is added, whoever else tells of it.
void collect_row_delta(const Dependency& dep, Relation relation, TupleTableSlot* old_row,
                       TupleTableSlot* new_row, bool tells);

}  // namespace cache_ext::pg
