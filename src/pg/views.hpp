// What the views show.
#pragma once

#include "core/store.hpp"
#include "pg/postgres.hpp"

namespace cache_ext::pg {

// A copy of the entries of one partition, palloc'ed; keys lie one after the other.
struct EntryListing {
    core::EntryInfo* entries;
    uint32 count;
    uint8* keys;
};

EntryListing list_entries(uint32 partition);

}  // namespace cache_ext::pg
