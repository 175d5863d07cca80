// The background processes: a launcher that connects to no database, and the workers of each
// database. docs/architecture.md has their states.
#pragma once

#include "pg/pool.hpp"
#include "pg/tasks.hpp"

namespace cache_ext::worker {

// While shared_preload_libraries are being loaded.
void register_launcher();

// --- in the launcher ---

// Has the databases that exist looked at, one after the other: call it in every round, with `again`
// when there may be new ones. Only databases that allow connections.
void scout(bool again);
// Has databases looked at where it is not settled which caches are declared; false: there are none.
// One that waits for a transaction or a worker is asked about again.
bool look_at_unsettled();
// Frees values that have expired and that nobody asks for any more, a part of all partitions per
// call; false: no cache holds any.
bool sweep();

// --- in a worker ---

// Does a task, in a transaction of its own; nothing that happens in it raises an error here.
void do_task(const pg::Task& task);
// Inside that transaction: looks what there is to do in this database.
void look();
// The part of it that loads ahead (schedule.cpp): queues what is due, and says when to look again,
// kNever: when asked.
core::Millis schedule_loading(core::Millis now);

// Inside a task's transaction, which they may end and begin anew (loading.cpp).
pg::Outcome sync(const pg::Task& task, const pg::Definition* definition);
pg::Outcome warm(const pg::Task& task, const pg::Definition* definition);
pg::Outcome reload(const pg::Task& task, const pg::Definition* definition);

// Counts for the cache of a task, if it is still there (work.cpp).
void count(const pg::Task& task, core::Counter counter);
// Begins the time that a loader may take.
void limit_time(const pg::Definition* definition);
void unlimit_time();
// A loader has failed: for the log, cache_stat, and readers of last_error. Inside PG_CATCH; ends
// the transaction.
void loading_failed(const pg::Task& task, MemoryContext context);

}  // namespace cache_ext::worker
