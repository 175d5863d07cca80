// Work for the background workers, in shared memory: a queue of refreshes, and one slot per
// database that says whether a worker runs there and whether it may.
//
// Locking: one LWLock protects all of it; it is held for a few instructions at a time. Sessions add
// tasks, workers take them; who starts workers is decided above this layer.
#pragma once

#include "core/store.hpp"
#include "pg/postgres.hpp"

namespace cache_ext::pg {

constexpr uint32 kMaxTaskKey = 512;

struct RefreshTask {
    Oid database;
    uint64 cache_id;
    core::CacheIndex index;
    core::Tag hash;
    uint32 key_bytes;
    uint8 key[kMaxTaskKey];

    core::KeyView view() const { return {hash, key, key_bytes}; }
};

// For the shared-memory hooks.
size_t tasks_bytes();
void attach_tasks(LWLock* lock);

// Queues a refresh whose claim the caller holds, and wakes whoever can run it. When the queue is
// full or the key too long for it the claim is given back for a while.
void request_refresh(uint64 cache_id, core::CacheIndex index, const core::KeyView& key);

// The oldest task of a database; false if there is none.
bool take_task(Oid database, RefreshTask* task);

// --- for the launcher ---

void launcher_started();
void launcher_stopped();
// A database that has tasks, no worker and nothing that keeps one out; InvalidOid if none. Its slot
// is then marked as starting.
Oid database_in_need();
// The worker could not be started, or is gone without a word.
void worker_not_started(Oid database);

// --- for a worker ---

// False: it must not run here now.
bool worker_started(Oid database);
void worker_stopped(Oid database);

// Wakes the launcher and all workers: the clock was set.
void wake_all();

// --- for statements that need a database without connections ---

// Ends the worker of the database and keeps others from starting; waits a few seconds at most.
void keep_workers_out_of(Oid database);
void let_workers_into(Oid database);

}  // namespace cache_ext::pg
