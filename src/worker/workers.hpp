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
// Frees values that have expired and that nobody asks for any more, a part of all partitions per
// call; false: no cache holds any.
bool sweep();

// --- in a worker ---

// Does a task, in a transaction of its own; nothing that happens in it raises an error here.
void do_task(const pg::Task& task);
// Inside that transaction: looks what there is to do in this database.
void look();

}  // namespace cache_ext::worker
