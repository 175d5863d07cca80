// Transactions that were prepared before the server started. They left no trace in shared memory,
// so they are listed before the first of them can end; each new control block gets them as writers.
#pragma once

#include "core/snapshot.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

struct Survivor {
    core::Xid xid;
    Oid database;
};

// For the shared-memory hooks.
size_t survivors_bytes();
void attach_survivors(LWLock* lock);

// Instead of a cache: all whose loaders run as readers.
constexpr uint64 kReaderCaches = UINT64_MAX;

// To be called inside a transaction that is about to be prepared and registers as a hard writer of
// a cache of this database, or (0) of all caches of a database (InvalidOid: of every one), or of
// those whose loaders run as readers: leaves a
// lock that the server restores with it, and that conflicts with nobody else's. ERROR if the lock
// table is full.
void mark_hard_survivor(Oid database, uint64 cache);

// Does it hold such a lock, as to this cache of this database (which runs as its readers)? Once it
// has let go, it has ended and all its invalidation messages are out: who loads a value from then
// on loads what it has left.
bool is_hard_survivor(core::Xid xid, uint64 cache, bool as_reader);

// Makes the list, unless somebody has made it since the server started; does nothing in recovery.
// To be called inside a transaction, in every process before it can end a prepared one: when its
// first transaction commits (connecting is one), and before COMMIT PREPARED and ROLLBACK PREPARED,
// for a session that dates from recovery. Cheap from the second call on.
void note_survivors();

// All of them, in no order, whether they have ended or not, in the current memory context. Calls
// note_survivors(). False: they cannot be known yet, the server is in recovery.
bool survivors(const Survivor** all, int* count);

}  // namespace cache_ext::pg
