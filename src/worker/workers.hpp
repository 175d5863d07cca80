// The background processes: a launcher that connects to no database, and the workers of each
// database. docs/architecture.md has their states.
#pragma once

#include "pg/catalog/definitions.hpp"
#include "pg/pool/pool.hpp"
#include "pg/pool/tasks.hpp"

namespace cache_ext::worker {

// While shared_preload_libraries are being loaded.
void register_launcher();

// --- in the launcher ---

// Has the databases that exist looked at, one after the other: call it in every round, with `again`
// when there may be new ones. Only databases that allow connections. Returns when to call it again,
// kNever: when something happens.
core::Millis scout(bool again);
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

// What all of them use (task.cpp). Is the cache of the task still there? A look is of none.
bool has_cache(const pg::Task& task);
pg::TaskCache task_cache(const pg::Definition* definition);
// Shown by cache_workers as what is being done.
void show_task(const pg::Definition* definition, const char* key);
// Counts for the cache, if it is still there.
void count(const pg::Task& task, core::Counter counter);
// Begins the time that a loader may take; nullptr: what is done for no cache, within the server's
// limit, which there is always.
void limit_time(const pg::Definition* definition);
void unlimit_time();
// Values of sessions that nobody but their readers can set up (any more): for cache_stat and
// readers of last_error.
void left_to_readers(const pg::Task& task, const char* message);
// A task has failed: for the log, cache_stat, and readers of last_error. Inside PG_CATCH; ends the
// transaction.
void task_failed(const pg::Task& task, MemoryContext context);

// What a worker does for a cache, in so far as a change of it is worth another attempt
// (changed_loaders.cpp).
uint64 fingerprint_of(const pg::Definition* definition);
// Ends suspensions of caches of this database whose fingerprint is another one now. Returns when to
// look again, kNever: there are none.
core::Millis resume_changed(core::Millis now);

}  // namespace cache_ext::worker
