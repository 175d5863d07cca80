// What loading ahead of time has done for each cache, in shared memory: synchronisation and
// warming, and when each is due again.
//
// One entry per control block. One LWLock protects all of it; nothing else is locked under it. What
// an entry holds belongs to the cache whose id it names, and is forgotten when another cache gets
// the control block.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

struct SyncCounts {
    uint64 added;
    uint64 replaced;
    uint64 removed;
    uint64 unchanged;
};

struct LoadingState {
    uint64 cache_id;
    uint64 syncs;
    uint64 sync_errors;
    SyncCounts synced;       // of all runs
    core::Millis last_sync;  // the last that succeeded, 0: never
    uint64 warms;
    uint64 warm_errors;
    uint64 warmed;  // values, of all runs
    core::Millis last_warm;
    // When loading is due, as the last look at the database has decided.
    core::Millis next_sync;  // 0: not decided yet
    core::Millis next_warm;  // 0: not warmed since the server was started
    // The first commit that invalidated values of a cache with warm_on_invalidate, and that no
    // reload has heeded yet; 0: none.
    core::Millis invalidated_at;
    // When a reload may go on with keys that it has left because they were loaded not long before;
    // 0: it has left none.
    core::Millis reload_from;
};

// For the shared-memory hooks.
size_t loading_state_bytes();
void attach_loading_state(LWLock* lock);

void note_sync(const Definition* definition, const SyncCounts& counts);
void note_sync_error(const Definition* definition);
// A run that has loaded so many values has succeeded; has failed; is to be gone on with.
void note_warm(const Definition* definition, uint64 values);
void note_warm_error(const Definition* definition, uint64 values);
void note_warm_part(const Definition* definition, uint64 values);

void set_next_sync(const Definition* definition, core::Millis due);
void set_next_warm(const Definition* definition, core::Millis due);
// After a commit; no error. True: the first since the last reload has begun.
bool note_invalidated(uint64 cache_id);
void reload_begins(const Definition* definition);
// It has left keys, until then.
void set_reload_from(const Definition* definition, core::Millis due);

// False: nothing is known of the cache.
bool loading_state(const Definition* definition, LoadingState* out);
// For cache_stat_reset: forgets the counts, not the times.
void reset_loading_counts(const Definition* definition);

}  // namespace cache_ext::pg
