#include "pg/postgres.hpp"

#include "pg/clear.hpp"
#include "pg/ddl_writers.hpp"
#include "pg/flights.hpp"
#include "pg/loading_state.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/survivors.hpp"
#include "pg/tasks.hpp"

extern "C" {
#include "storage/ipc.h"
#include "storage/shmem.h"
}

namespace cache_ext::pg {

Shared shared;

namespace {

constexpr const char* kTranche = "CacheExt";

shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;

LWLockPadded* locks = nullptr;

void lock_shared(core::LockId id) {
    LWLockAcquire(&locks[id].lock, LW_SHARED);
}
void lock_exclusive(core::LockId id) {
    LWLockAcquire(&locks[id].lock, LW_EXCLUSIVE);
}
void unlock(core::LockId id) {
    LWLockRelease(&locks[id].lock);
}

core::StoreOptions options() {
    core::StoreOptions o;
    o.max_caches = static_cast<uint32_t>(settings.max_caches);
    o.readers = static_cast<uint32_t>(MaxBackends);
    return o;
}

size_t block_bytes() {
    return std::max(static_cast<size_t>(settings.memory_kb) * 1024,
                    core::Store::min_bytes(options()));
}

void request() {
    if (previous_request_hook != nullptr) previous_request_hook();
    RequestAddinShmemSpace(add_size(block_bytes(), core::kBlockAlignment));
    RequestAddinShmemSpace(tasks_bytes());
    RequestAddinShmemSpace(loading_state_bytes());
    RequestAddinShmemSpace(clock_bytes());
    RequestAddinShmemSpace(survivors_bytes());
    RequestAddinShmemSpace(ddl_writers_bytes());
    RequestAddinShmemSpace(flights_bytes());
    RequestAddinShmemSpace(clear_bytes());
    RequestNamedLWLockTranche(kTranche, static_cast<int>(core::Store::lock_count(options())) + 5);
}

void startup() {
    if (previous_startup_hook != nullptr) previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found;
    const size_t bytes = block_bytes();
    void* memory = ShmemInitStruct("cache_ext store", bytes + core::kBlockAlignment, &found);
    void* block = reinterpret_cast<void*>(TYPEALIGN(core::kBlockAlignment, memory));
    if (!found && !core::Store::format(block, bytes, options())) {
        elog(FATAL, "cache_ext: could not lay out %zu bytes of shared memory", bytes);
    }
    locks = GetNamedLWLockTranche(kTranche);
    attach_clock();
    attach_tasks(&locks[core::Store::lock_count(options())].lock);
    attach_survivors(&locks[core::Store::lock_count(options()) + 1].lock);
    attach_flights(&locks[core::Store::lock_count(options()) + 2].lock);
    attach_loading_state(&locks[core::Store::lock_count(options()) + 3].lock);
    attach_ddl_writers(&locks[core::Store::lock_count(options()) + 4].lock);
    attach_clear();
    shared.store = core::Store(block, {lock_shared, lock_exclusive, unlock}, {now_ms});
    shared.store.set_eviction(static_cast<core::Eviction>(settings.eviction));
    // Children inherit it with the mapping.
    if (!found && !shared.store.protect_guard_pages()) {
        elog(FATAL, "cache_ext: could not protect guard pages: %m (huge_pages must be off)");
    }
    shared.ready = true;
    LWLockRelease(AddinShmemInitLock);
    if (static_cast<size_t>(settings.memory_kb) * 1024 < bytes && !IsUnderPostmaster) {
        ereport(WARNING,
                (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                 errmsg("cache_ext.memory of %d kB is too small for %d caches, using %zu kB",
                        settings.memory_kb, settings.max_caches, bytes / 1024),
                 errhint("Raise cache_ext.memory or lower cache_ext.max_caches.")));
    }
}

}  // namespace

void install_shared_memory_hooks() {
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = request;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = startup;
}

void require_shared(const char* what) {
    if (shared.ready) return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("%s needs the shared memory of cache_ext", what),
                    errdetail("The library was not loaded when the server started."),
                    errhint("Add this line to postgresql.conf and restart the server: "
                            "shared_preload_libraries = 'cache_ext'")));
}

}  // namespace cache_ext::pg
