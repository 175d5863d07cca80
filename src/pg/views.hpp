// What the views show.
#pragma once

#include "core/store.hpp"
#include "pg/definitions.hpp"

namespace cache_ext::pg {

// Control blocks of all definitions that have one, without making any. Needs shared memory.
void find_control_blocks();

// A copy of the entries of one partition, palloc'ed; keys lie one after the other.
struct EntryListing {
    core::EntryInfo* entries;
    uint32 count;
    uint8* keys;
};

EntryListing list_entries(uint32 partition);

}  // namespace cache_ext::pg
