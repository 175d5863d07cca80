// A cache that is dropped takes its background work along. Whoever drops it does not wait for its
// workers: they are told to stop before the locks are asked for that their loaders may hold.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// A cache is being dropped: stops what runs for it, and keeps more from being started until the end
// of the transaction. Only for who may drop it.
void hold_work(uint64 cache_id);
// The same for all caches of this database.
void hold_all_work();
// It was dropped: forgets what waits for it, and stops what runs all the same.
void forget_work(uint64 cache_id);

// Has this worker been told to stop its task, as its cache is being dropped?
bool told_to_stop();

}  // namespace cache_ext::pg
