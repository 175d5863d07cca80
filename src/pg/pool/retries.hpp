// Which loads have failed, how often in a row, and when they may be tried again: per key, and per
// cache, so that a cache whose loader always fails soon costs next to nothing.
//
// A bounded table; when it is full the failure that may be retried soonest is forgotten. The caller
// holds tasks_lock.
#pragma once

#include "core/backoff.hpp"
#include "core/entry.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

constexpr core::Backoff kKeyBackoff = {1000, 300000};
constexpr core::Backoff kCacheBackoff = {1000, 600000, 3};

struct Retry {
    Oid database;     // a copy of a database has the same caches
    uint64 cache_id;  // 0: free
    core::Tag key;    // 0: all keys of the cache; 1: its tasks that have no key
    uint32 failures;
    core::Millis next_try;
};

struct RetryTable {
    static constexpr uint32 kCapacity = 512;
    Retry entries[kCapacity];
    uint32 count;  // atomic to read

    // When a load of this key may be tried; 0: at once. Key 0: a task of the cache as a whole.
    core::Millis next_try(Oid database, uint64 cache_id, core::Tag key) const;
    // One more failure; returns next_try().
    core::Millis failed(Oid database, uint64 cache_id, core::Tag key, core::Millis now);
    // Forgets the failures of the key and of the cache as a whole, not those of its other keys.
    void succeeded(Oid database, uint64 cache_id, core::Tag key);
    // Forgets all of the cache; 0: of all caches of the database.
    void forget(Oid database, uint64 cache_id);

  private:
    Retry* find(Oid database, uint64 cache_id, core::Tag key);
    Retry* make(Oid database, uint64 cache_id, core::Tag key);
    void free(Retry* r);
};

}  // namespace cache_ext::pg
