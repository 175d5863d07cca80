#include "pg/base/store_handle.hpp"

#include "pg/base/settings.hpp"

extern "C" {
#include "common/pg_prng.h"
#include "storage/shmem.h"
}

namespace cache_ext::pg {

StoreHandle store_handle;

namespace {

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
    o.max_tracked = static_cast<uint32_t>(settings.max_tracked_relations);
    o.readers = static_cast<uint32_t>(MaxBackends);
    return o;
}

size_t configured_bytes() {
    return static_cast<size_t>(settings.memory_kb) * 1024;
}

size_t block_bytes() {
    return std::max(configured_bytes(), core::Store::min_bytes(options()));
}

}  // namespace

size_t store_bytes() {
    return add_size(block_bytes(), core::kBlockAlignment);
}

int store_locks() {
    return static_cast<int>(core::Store::lock_count(options()));
}

void attach_store(LWLockPadded* all_locks) {
    bool found;
    const size_t bytes = block_bytes();
    void* memory = ShmemInitStruct("cache_ext store", store_bytes(), &found);
    void* block = reinterpret_cast<void*>(TYPEALIGN(core::kBlockAlignment, memory));
    if (!found && !core::Store::format(block, bytes, options())) {
        elog(FATAL, "cache_ext: could not lay out %zu bytes of shared memory", bytes);
    }
    locks = all_locks;
    store_handle.store =
        core::Store(block, {lock_shared, lock_exclusive, unlock}, {now_ms, transaction_start_us});
    store_handle.store.set_eviction(static_cast<core::Eviction>(settings.eviction));
    store_handle.store.set_max_pinned(static_cast<uint32>(settings.max_pinned));
    store_handle.store.set_random([] { return pg_prng_uint64(&pg_global_prng_state); });
    // Children inherit it with the mapping.
    if (!found && !store_handle.store.protect_guard_pages()) {
        elog(FATAL, "cache_ext: could not protect guard pages: %m (huge_pages must be off)");
    }
    store_handle.ready = true;
}

void warn_of_small_memory() {
    if (configured_bytes() >= block_bytes() || IsUnderPostmaster) return;
    ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                      errmsg("cache_ext.memory of %d kB is too small for %d caches and %d tracked "
                             "relations, using %zu kB",
                             settings.memory_kb, settings.max_caches,
                             settings.max_tracked_relations, block_bytes() / 1024),
                      errhint("Raise cache_ext.memory, or lower cache_ext.max_caches or "
                              "cache_ext.max_tracked_relations.")));
}

void require_store(const char* what) {
    if (store_handle.ready) return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("%s needs the shared memory of cache_ext", what),
                    errdetail("The library was not loaded when the server started."),
                    errhint("Add this line to postgresql.conf and restart the server: "
                            "shared_preload_libraries = 'cache_ext'")));
}

}  // namespace cache_ext::pg
