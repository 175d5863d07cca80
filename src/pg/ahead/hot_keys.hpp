// The keys that are read most, remembered in a file (hot_key_file.hpp) across restarts and crashes.
// A key's score: the uses of its entry, plus half of the score before.
#pragma once

#include "pg/ahead/hot_key_file.hpp"

namespace cache_ext::pg {

// Writes the file anew from the entries of all caches and the old file, at most
// cache_ext.learned_keys keys per cache. For one process at a time (the launcher); needs no
// transaction and no database. Never an error: what goes wrong is logged, and the old file stays.
void save_hot_keys();

// The remembered keys of one cache, hottest first.
struct HotKeys {
    uint32 count;
    HotKey* keys;  // palloc'ed
};
// The caches of a database that the file has keys of.
struct CacheIds {
    uint32 count;
    uint64* ids;  // palloc'ed
};
CacheIds caches_with_hot_keys(Oid database);

HotKeys read_hot_keys(Oid database, uint64 cache_id);

}  // namespace cache_ext::pg
