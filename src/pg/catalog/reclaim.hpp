// Control blocks of caches that are not declared any more go back.
//
// The truth is what is committed in the extension's table of each database. Whoever reads it there
// compares: a block whose cache was declared for sure (it was seen, or whoever made the block has
// ended) and is not any more was left behind, by whatever means it went. That finds all of them,
// but not at once; so a transaction that drops caches gives back their blocks itself when it has
// committed, and says before that what it is about to do. The launcher has a database looked at
// where that was said and nobody has settled it: COMMIT PREPARED runs no code of ours.
#pragma once

#include "core/snapshot.hpp"
#include "core/store.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// --- while definitions are read ---

// The control blocks of this database, and a snapshot that is newer than what they say.
struct Attached;
// Before the tables are read; in the current memory context. nullptr: this transaction has written,
// so what it reads is not (only) what is committed.
Attached* attached_blocks();
// Afterwards, with the ids of all caches that are declared.
void settle(const Attached* attached, const uint64* declared, int count);

// This transaction's XID, or kUnsettled: what a new control block begins with.
core::Xid unsettled_until();

// --- in a transaction that drops caches, when nothing can keep it from committing but an error ---

void release_after_commit(core::CacheIndex index, uint64 id);
// It was rolled back, or prepared.
void forget_releases();
void transaction_committed_for_reclaim();

// Could reading the definitions settle something in this database?
bool unsettled_here(const core::Snapshot& snapshot);

}  // namespace cache_ext::pg
