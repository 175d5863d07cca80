// Changes of whole relations: what no trigger of ours tells row by row.
#pragma once

#include "pg/base/store_handle.hpp"
#include "pg/catalog/definitions.hpp"

extern "C" {
#include "miscadmin.h"
}

namespace cache_ext::pg {

// Hard, for all caches that depend on a relation, declared or not.
void collect_hard_relation(Oid relation);

// Caches that the relation is tracked for, as a whole.
void collect_tracked(Oid relation, bool hard);

// The caches that a relation of this database is tracked for.
inline core::TrackingCaches tracking(Oid relation) {
    return store().tracking(core::relation_key(MyDatabaseId, relation));
}

bool is_tracked_for(Oid relation, core::CacheIndex cache);

// The changes of this relation so far have been collected.
void note_collected(Oid relation);

// --- for transaction.cpp ---

// Tables with changed rows that nobody has collected, the tracked ones among them: their caches as
// a whole.
void collect_unseen_changes();
void forget_collected_relations();
void subtransaction_ended_for_collected_relations(int level, bool committed);

}  // namespace cache_ext::pg
