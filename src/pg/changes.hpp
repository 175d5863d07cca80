// What this transaction has changed, as tags, and their registration before it can become visible.
//
// Tags are collected per subtransaction: those of a rolled-back one are forgotten. They are
// registered in shared memory at PRE_COMMIT and PRE_PREPARE; what is collected after that (a
// trigger that another extension's callback fires) is registered at once. Nothing is needed at
// commit for exactness.
#pragma once

#include "pg/definitions.hpp"

namespace cache_ext::pg {

void install_transaction_callbacks();

// A changed key of a cache; `mask` says which columns of column_hash count (0: the whole cache).
void collect_change(const Definition* definition, ColumnMask mask, const uint64* column_hash);
// The same by the tag of the full key.
void collect_key(uint64 cache_id, core::Tag key);
// The whole cache. hard: see core/writers.hpp.
void collect_whole(uint64 cache_id, bool hard);
// Hard, for all caches that depend on a relation.
void collect_hard_relation(Oid relation);

// Has this transaction changed what the value for `key` may depend on? Only meaningful in a
// transaction with an XID.
bool changed_by_this_transaction(const Definition* definition, const Key& key);
// What that is, in words; in the current memory context.
const char* what_was_changed(const Definition* definition, const Key& key);

// Has it changed anything that some cache depends on?
bool changed_something_cached();

// This transaction has passed PRE_COMMIT.
bool committing();

// The changes of this relation so far have been collected.
void note_collected(Oid relation);

// After commit the control block of this cache goes away.
void release_at_commit(uint64 cache_id);
// So do all control blocks of this database. The extension's tables must be locked: nobody can be
// declaring a cache.
void release_database_at_commit();

// Registers a tag of this transaction now; for announcements.
void register_now(const core::WrittenTag& written, core::Xid xid);
// The same with a snapshot that is newer than the beginning of the registration.
void register_with(const core::WrittenTag& written, core::Xid xid, const core::Snapshot& snapshot);

}  // namespace cache_ext::pg
