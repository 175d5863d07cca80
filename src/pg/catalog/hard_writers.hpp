// Hard writers of a cache: what they have changed is told by invalidation messages as well.
#pragma once

#include "core/snapshot.hpp"
#include "core/store.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Have all hard writers of the cache that the snapshot sees sent their invalidation messages? If
// not, *by is one that has not, 0 if that is not known.
bool messages_sent(core::CacheIndex index, const core::Snapshot& snapshot, core::Xid* by);

// Is there one that the snapshot does not see, or may there have been?
bool misses_hard_writer(core::CacheIndex index, const core::Snapshot& snapshot);
}  // namespace cache_ext::pg
