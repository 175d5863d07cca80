// The file of hot keys, pg_stat/cache_ext.keys in the data directory: what lies how in it.
//
// Readable by the server's user only, written by one process at a time. It holds keys as they are
// encoded in memory, by database and cache id, with a score each. A file that is damaged, or of
// another version, is ignored with a LOG.
#pragma once

#include "core/store.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

struct HotKey {
    uint32 score;
    uint32 bytes;
    const uint8* key;
};

// --- reading ---

// What the file has of a cache, before its keys.
struct FiledCache {
    Oid database;
    uint32 idle;  // saves since it was in use
    uint64 cache_id;
    uint32 count;
    uint32 bytes;  // of all keys
};

// The file's contents, checked; empty if there is no file or it is no good. palloc'ed.
struct HotKeyFile {
    const uint8* data;
    uint64 bytes;
};
HotKeyFile read_hot_key_file();
// Walks the caches of a file, from *at = 0 on, and the keys of each; the lengths are bounded by
// what is there.
bool next_cache(const HotKeyFile& file, uint64* at, FiledCache* cache, const uint8** keys);
bool next_key(const uint8** at, const uint8* end, HotKey* key);
uint32 caches_in(const HotKeyFile& file);

// --- writing ---

// A cache and its keys; `capacity` is for whoever collects them.
struct HotCache {
    Oid database;
    uint64 cache_id;
    uint32 idle;
    uint32 count;
    uint32 capacity;
    HotKey* keys;
};
// Replaces the file. Never an error: what goes wrong is logged, and the old file stays.
void write_hot_key_file(const HotCache* caches, uint32 count);

}  // namespace cache_ext::pg
