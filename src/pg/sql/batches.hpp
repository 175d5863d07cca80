// Work on many keys that goes on past the failure of one: in chunks, each in a subtransaction, and
// those of a chunk that has failed one by one.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// What has become of a key.
struct KeyReport {
    const char* outcome = nullptr;  // nullptr: none yet
    char sqlstate[6] = {};          // of an error; empty: there was none
    const char* message = nullptr;
};

struct Batches {
    uint32 count;  // of keys
    uint32 size;   // of a chunk
    int retries;   // of a key, after errors that may pass
    // Does the work for keys [first, first + count). What it allocates goes, but for what it
    // makes in `context`.
    void (*work)(void* argument, uint32 first, uint32 count);
    void* argument;
    MemoryContext context;
    KeyReport* reports;  // one a key; what has failed gets "failed"
};

// Runs them all, each chunk under a snapshot of its own at READ COMMITTED. Tried again, with
// growing pauses: serialization failures, deadlocks, locks that could not be had. What ends the
// whole call is a cancel and whatever else an operator or a timeout asks for. pg_stat_activity
// shows the progress. A key that has a sqlstate already is left alone.
void run_batches(const Batches& batches);

}  // namespace cache_ext::pg
