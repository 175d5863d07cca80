// Registration of writers in shared memory: which tags a transaction has written, for everybody to
// judge entries by.
//
// Called before the commit, or on behalf of another transaction. Raises an error only for lack of
// memory or of an XID; takes the partition lock of each tag for itself.
#pragma once

#include "core/store.hpp"
#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// Of this transaction, which gets one.
core::Xid own_xid();

// Registers one tag of transaction `xid`. `snapshot` is newer than the beginning of the
// registration: whatever it does not show as running has ended before. Returns what
// Store::register_writer returns.
bool register_with(const core::WrittenTag& written, core::Xid xid, const core::Snapshot& snapshot);
// The same with a snapshot of now.
void register_now(const core::WrittenTag& written, core::Xid xid);

// Finds or makes the control block of a cache by id alone: at commit the definition may be gone
// already. kNoCache: there is no room for one.
core::CacheIndex control_block_of(uint64 cache);

}  // namespace cache_ext::pg
