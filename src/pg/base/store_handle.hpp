// The process's handle on the store in shared memory.
#pragma once

#include "core/store.hpp"
#include "pg/base/clock.hpp"
#include "pg/base/compat.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// What the two functions below give; nobody else uses it.
struct StoreHandle {
    core::Store store;
    bool ready = false;
};
extern StoreHandle store_handle;

// False: the library was not preloaded; there is no store, nor anything else of ours in shared
// memory, and reads run their loaders.
inline bool store_ready() {
    return store_handle.ready;
}

// Only if store_ready().
inline core::Store& store() {
    return store_handle.store;
}

// For counters: neighbours have different ones.
inline uint32 stripe() {
    return static_cast<uint32>(proc_number());
}

// ERROR 55000 unless store_ready(); `what` completes "... needs".
void require_store(const char* what);

// --- for the shared-memory hooks ---

size_t store_bytes();
// So many locks, the first of `locks`.
int store_locks();
void attach_store(LWLockPadded* locks);
// Without a lock: if cache_ext.memory was less than the store needs at least.
void warn_of_small_memory();

}  // namespace cache_ext::pg
