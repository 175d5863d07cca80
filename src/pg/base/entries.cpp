#include "pg/base/entries.hpp"

namespace cache_ext::pg {

EntryListing list_entries(uint32 partition, const core::Snapshot& snapshot) {
    uint32 capacity = 1024, key_room = 64 * 1024;
    for (;;) {
        EntryListing listing;
        listing.entries = static_cast<core::EntryInfo*>(
            MemoryContextAllocHuge(CurrentMemoryContext, capacity * sizeof(core::EntryInfo)));
        listing.keys = static_cast<uint8*>(MemoryContextAllocHuge(CurrentMemoryContext, key_room));
        core::Listing room = {listing.entries, capacity, listing.keys, key_room};
        listing.count = store().list(partition, snapshot, &room);
        const uint32 needed = room.keys_needed;
        if (listing.count <= capacity && needed <= key_room) return listing;
        // More may arrive before the next attempt.
        capacity = std::max(capacity, listing.count + listing.count / 4);
        key_room = std::max(key_room, needed + needed / 4);
        free_listing(listing);
    }
}

void free_listing(const EntryListing& listing) {
    pfree(listing.entries);
    pfree(listing.keys);
}

int64 remove_entries(core::CacheIndex index) {
    uint64 n = 0;
    for (uint32 p = 0; index != core::kNoCache && p < core::kPartitions; ++p) {
        CHECK_FOR_INTERRUPTS();
        n += store().remove_partition(index, p);
    }
    return static_cast<int64>(n);
}

}  // namespace cache_ext::pg
