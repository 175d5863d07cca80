// Single flight: while one session loads a key, others that miss it wait for that load instead of
// running their own.
//
// A wait for another session's load is invisible to PostgreSQL's deadlock detector. So a session
// that another one could be waiting for does not wait: one that is inside a load, has an XID, or
// holds a lock stronger than ACCESS SHARE. Those locks, too, can close a cycle, through a third
// session that queues for an exclusive lock before the loader does: nobody waits on for a load that
// is itself waiting for a lock. And no wait is longer than cache_ext.load_wait.
//
// An error of the loader is shared with those who waited under the same snapshot: they would meet
// it, too. Otherwise a load that has failed, or whose value could not be published, leaves nothing
// to share: what it saw is its own session's affair. Then those who waited load at once, all of
// them, and do not queue behind one of them again: two loads take the place of as many as there are
// sessions. One that was cancelled or whose session was ended says nothing about the loader: one of
// those who waited takes over, and the others wait for it.
//
// Locking: one LWLock protects the table; it is held for a few instructions at a time.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// For the shared-memory hooks.
size_t flights_bytes();
void attach_flights(LWLock* lock);

enum class Await : uint8 {
    kNobody,      // load, on your own
    kOthersWait,  // load; others may wait for it until land(), or until the subtransaction is
                  // rolled back
    kServeAgain   // somebody else has loaded the key and published it, or was kept from it
};

// To be called before a load under this snapshot. `may_wait`: else it only lets others wait. Raises
// the error of a load that this one would fail like.
Await await_load(const Definition* definition, const core::KeyView& key,
                 const core::Snapshot& snapshot, bool may_wait);
// Does anybody wait for the load of this session just now?
bool others_wait();
// Ends the wait of others.
void land(bool published);
// The loader has raised an error for this key. To be called where it is caught.
void fail_flight(const Definition* definition, const core::KeyView& key,
                 const core::Snapshot& snapshot);

void transaction_ended_for_flights();
void subtransaction_aborted_for_flights(int level);

}  // namespace cache_ext::pg
