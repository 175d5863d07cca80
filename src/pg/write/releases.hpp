// Control blocks that go when this transaction commits, because it drops their caches.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// After commit the control block of this cache goes away.
void release_at_commit(uint64 cache_id);
// So do all control blocks of this database. The extension's tables must be locked: nobody can be
// declaring a cache.
void release_database_at_commit();

// --- for transaction.cpp ---

// Says in shared memory what is about to go (reclaim.hpp). Before the commit or prepare.
void plan_releases();
void forget_releases_at_commit();
void subtransaction_ended_for_releases(int level, bool committed);

}  // namespace cache_ext::pg
