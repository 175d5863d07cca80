// The keys that are read most, remembered in a file across restarts and crashes.
//
// The file is pg_stat/cache_ext.keys in the data directory, written by one process at a time (the
// launcher), readable by the server's user only. It holds keys as they are encoded in memory, by
// database and cache id, with a score: the uses of the entry, plus half of the score before. A file
// that is damaged, or of another version, is ignored with a LOG.
#pragma once

#include "core/store.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Writes the file anew from the entries of all caches and the old file, at most
// cache_ext.learned_keys keys per cache. Needs no transaction and no database. Never an error: what
// goes wrong is logged, and the old file stays.
void save_hot_keys();

// The remembered keys of one cache, hottest first.
struct HotKey {
    uint32 score;
    uint32 bytes;
    const uint8* key;
};
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
