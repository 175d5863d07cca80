// The walk over the entries of all caches.
#pragma once

#include "pg/base/store_handle.hpp"

namespace cache_ext::pg {

// A copy of the entries of one partition, palloc'ed; keys lie one after the other. `snapshot` is
// the one for which an entry's result says what a read would find.
struct EntryListing {
    core::EntryInfo* entries;
    uint32 count;
    uint8* keys;
};
EntryListing list_entries(uint32 partition, const core::Snapshot& snapshot);
void free_listing(const EntryListing& listing);

// Calls visit(entry, key) for every entry, one partition after the other. No lock is held: both are
// copies, which are gone afterwards, and the entry may be gone already. The visitor may raise
// errors, and what it allocates in the current memory context stays.
template <class Visit>
void for_each_entry(const core::Snapshot& snapshot, Visit visit) {
    for (uint32 p = 0; p < core::kPartitions; ++p) {
        const EntryListing listing = list_entries(p, snapshot);
        const uint8* key = listing.keys;
        for (uint32 i = 0; i < listing.count; key += listing.entries[i++].key_bytes) {
            CHECK_FOR_INTERRUPTS();
            visit(listing.entries[i], key);
        }
        free_listing(listing);
    }
}

// Removes all entries of a cache, kNoCache: none; returns how many. Interrupts are looked for on
// the way; what is gone then stays gone: values may be missing at any time.
int64 remove_entries(core::CacheIndex index);

}  // namespace cache_ext::pg
