// What this transaction has changed, as tags, and their registration before it can become visible.
//
// Tags are collected per subtransaction: those of a rolled-back one are forgotten. They are
// registered in shared memory at PRE_COMMIT and PRE_PREPARE (transaction.cpp); what is collected
// after that (a trigger that another extension's callback fires) is registered at once. Nothing is
// needed at commit for exactness.
#pragma once

#include "core/account.hpp"
#include "pg/catalog/definitions.hpp"
#include "pg/catalog/group_tags.hpp"

namespace cache_ext::pg {

// Each drops what this transaction has put before and the change is about.
//
// A changed key of a cache; `mask` says which columns of column_hash count (0: the whole cache).
void collect_change(const Definition* definition, ColumnMask mask, const uint64* column_hash);
// A key of an aggregate cache, and what is added to its value. Everything else that is collected of
// the key makes that unknown.
void collect_delta(const Definition* definition, const Key& key, const core::Amount* amounts,
                   int count, core::Groups groups);
// The same of some instants only, of the keys between whose columns they lie.
void collect_instant(const Definition* definition, ColumnMask mask, const Bounds& bounds,
                     const uint64* column_hash, const core::Span& span);
// A key that it has put a value for, which stays. `leading`: the tag of its first column
// (gathering.hpp), or none. Assigns an XID.
void collect_put(uint64 cache_id, const core::KeyView& key, core::Tag leading);
// The whole cache. hard: see core/writers.hpp.
void collect_whole(uint64 cache_id, bool hard);

// Is there a tag of an entry for this key? of the key itself? of the whole cache? of the cache at
// all? of anything?
bool collected_for(const Definition* definition, const Key& key);
bool collected_key(const Key& key);
bool collected_whole(uint64 cache_id);
bool collected_of(uint64 cache_id);
bool anything_collected();

// This transaction has passed PRE_COMMIT or PRE_PREPARE.
bool committing();

// --- for transaction.cpp, in the order of its events ---

// The transaction is going to be prepared, not committed.
void begin_preparing();
// Leaves locks that tell of hard changes over a restart. ERROR if the lock table is full.
void mark_hard_changes();
void register_collected(const core::Snapshot& snapshot);
// Also where there was nothing to register: what is collected from now on is registered at once.
void register_from_now_on();
void forget_changes();
void subtransaction_ended_for_changes(int level, bool committed);

}  // namespace cache_ext::pg
