// Expired values take memory until they are read, replaced or evicted. The launcher frees those
// that nobody asks for: it needs no database for that.
#include "worker/workers.hpp"

#include "pg/base/store_handle.hpp"

namespace cache_ext::worker {
namespace {

constexpr uint32 kPartitionsPerRun = 16;
// Readers of the partition wait meanwhile: 0.1 ms where all have expired (test/bench/growth).
constexpr uint32 kEntriesPerLock = 250;

bool any_values() {
    for (core::CacheIndex i = 0; i < pg::store().max_caches(); ++i) {
        if (core::load_relaxed(pg::store().control(i)->live_entries) > 0) return true;
    }
    return false;
}

}  // namespace

bool sweep() {
    static uint32 partition = 0;
    if (!any_values()) return false;
    for (uint32 i = 0; i < kPartitionsPerRun; ++i) {
        uint32 cursor = 0;
        do {
            pg::store().sweep(partition, &cursor, kEntriesPerLock);
        } while (cursor != 0);
        partition = (partition + 1) % core::kPartitions;
    }
    return true;
}

}  // namespace cache_ext::worker
