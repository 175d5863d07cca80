#include "pg/startup/shmem.hpp"

#include <iterator>

#include "pg/sql/clear.hpp"
#include "pg/base/clock.hpp"
#include "pg/catalog/ddl_writers.hpp"
#include "pg/load/flights.hpp"
#include "pg/catalog/loading_state.hpp"
#include "pg/pool/pool_state.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/survivors.hpp"
#include "pg/load/worker_reads.hpp"

extern "C" {
#include "storage/ipc.h"
#include "storage/shmem.h"
}

namespace cache_ext::pg {
namespace {

constexpr const char* kTranche = "CacheExt";  // of all locks, those of the store first

// One lock protects all that it has.
struct Locked {
    size_t (*bytes)();
    void (*attach)(LWLock* lock);
};
constexpr Locked kLocked[] = {
    {pool_bytes, attach_pool},
    {survivors_bytes, attach_survivors},
    {flights_bytes, attach_flights},
    {loading_state_bytes, attach_loading_state},
    {ddl_writers_bytes, attach_ddl_writers},
};

// No lock, or one of its own.
struct Unlocked {
    size_t (*bytes)();
    void (*attach)();
};
constexpr Unlocked kUnlocked[] = {
    {clock_bytes, attach_clock},
    {clear_bytes, attach_clear},
    {worker_reads_bytes, attach_worker_reads},
};

shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;

void request() {
    if (previous_request_hook != nullptr) previous_request_hook();
    RequestAddinShmemSpace(store_bytes());
    for (const Locked& user : kLocked) RequestAddinShmemSpace(user.bytes());
    for (const Unlocked& user : kUnlocked) RequestAddinShmemSpace(user.bytes());
    RequestNamedLWLockTranche(kTranche, store_locks() + static_cast<int>(std::size(kLocked)));
}

void startup() {
    if (previous_startup_hook != nullptr) previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    LWLockPadded* locks = GetNamedLWLockTranche(kTranche);
    for (const Unlocked& user : kUnlocked) user.attach();
    int next = store_locks();
    for (const Locked& user : kLocked) user.attach(&locks[next++].lock);
    attach_store(locks);
    LWLockRelease(AddinShmemInitLock);
    warn_of_small_memory();
}

}  // namespace

void install_shared_memory_hooks() {
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = request;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = startup;
}

}  // namespace cache_ext::pg
