// The pool: which workers there are, and in which databases more are wanted.
// docs/architecture.md has the states. Locks tasks_lock for a short scan (pool_state.hpp).
#pragma once

#include "core/clock.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// --- for the launcher ---

void launcher_started();
void launcher_stopped();
// The place of a worker that is to be started.
struct Reservation {
    Oid database;
    int slot;
    uint32 number;
};
// Wakes workers for what is due. If some database needs one more than it has, reserves a place for
// it. *next: when something will be due.
bool reserve_worker(Reservation* reservation, core::Millis* next);
// The server has taken the worker; or had no room: nobody is started for a while, longer each time.
// True: it is worth a line in the log.
void room_for_worker();
bool no_room_for_worker(const Reservation& reservation);
// A worker's process is gone. If it never took its place, its database is left alone for a while,
// longer each time.
void worker_ended(const Reservation& reservation);
// Has somebody made or dropped a database since the last call?
bool take_databases_changed();
// Is there something in the database that nobody has looked at?
bool unseen(Oid database);

// --- for a worker ---

// Takes its place; false: it must not run here now. Before connecting: whoever wants the database
// for himself waits for those who have a place.
bool worker_started(const Reservation& reservation);
void worker_connected();
void worker_stopped();  // also in the middle of a task, which then goes to another worker
// Should a worker without a task end? There are more than cache_ext.workers allows, or others find
// no room in the server.
bool worker_surplus();
// Should it end although there is work? Another database has less than its share of the workers
// that the server has room for.
bool worker_gives_way();

// Wakes the launcher and all workers: the clock was set.
void wake_all();

// --- watching ---

struct PoolHealth {
    bool launcher;  // it runs
    int running;    // workers
    int wanted;     // workers that there would be if the server had room
    bool no_room;   // the server had none for the last worker that was wanted
    uint64 failed_starts;
    TimestampTz last_failed_start;  // 0: never
    uint32 queued;                  // tasks
    uint32 queue_size;
    uint64 dropped;   // tasks that the queue had no room for, or whose key is too long for it
    uint32 retrying;  // keys and caches whose loader failed last time
};
// Of one database, or of all (InvalidOid); failed starts and the queue are always everybody's.
PoolHealth pool_health(Oid database);

}  // namespace cache_ext::pg
