// Shared memory of the extension and the process-local handle on it.
#pragma once

#include "core/store.hpp"
#include "pg/clock.hpp"
#include "pg/postgres.hpp"

namespace cache_ext::pg {

// Installs the request and startup hooks. Only while shared_preload_libraries are being loaded.
void install_shared_memory_hooks();

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

// Between PostgreSQL's timestamps and the times of the core (clock.hpp).
inline core::Millis to_millis(TimestampTz t) {
    return t / 1000;
}
inline TimestampTz from_millis(core::Millis ms) {
    return ms * 1000;
}

// ERROR 55000 unless shared_ready(); `what` completes "... needs".
void require_shared(const char* what);

}  // namespace cache_ext::pg
