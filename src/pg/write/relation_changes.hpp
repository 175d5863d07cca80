// Changes of whole relations: what no trigger of ours tells row by row.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// Hard, for all caches that depend on a relation.
void collect_hard_relation(Oid relation);

// The changes of this relation so far have been collected.
void note_collected(Oid relation);

// --- for transaction.cpp ---

// Tables that caches depend on with changed rows that nobody has collected: their caches as a
// whole.
void collect_unseen_changes();
void forget_collected_relations();
void subtransaction_ended_for_collected_relations(int level, bool committed);

}  // namespace cache_ext::pg
