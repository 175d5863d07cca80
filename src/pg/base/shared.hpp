// The process's handle on the store in shared memory.
#pragma once

#include "core/store.hpp"
#include "pg/base/clock.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// What the two functions below give; nobody else uses it.
struct Shared {
    core::Store store;
    bool ready = false;
};
extern Shared shared;

// False: the library was not preloaded; there is no store, and reads run their loaders.
inline bool shared_ready() {
    return shared.ready;
}

// Only if shared_ready().
inline core::Store& store() {
    return shared.store;
}

// For counters: neighbours have different ones.
inline uint32 stripe() {
    return static_cast<uint32>(MyBackendId);
}

// ERROR 55000 unless shared_ready(); `what` completes "... needs".
void require_shared(const char* what);

// --- for the shared-memory hooks ---

size_t store_bytes();
// So many locks, the first of `locks`.
int store_locks();
void attach_store(LWLockPadded* locks);
// Without a lock: if cache_ext.memory was less than the store needs at least.
void warn_of_small_memory();

}  // namespace cache_ext::pg
