// What a task for the background workers is.
#pragma once

#include "core/store.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

constexpr uint32 kMaxTaskKey = 512;

enum class TaskKind : uint8 {
    kLook,     // of a database: what is there to do? (never in the queue)
    kRefresh,  // of a key
    kSync,     // of a cache
    kWarm,     // of a cache
    kReload    // of a cache: what was hot when it was invalidated
};

// As the views say it.
constexpr const char* name_of(TaskKind kind) {
    switch (kind) {
        case TaskKind::kLook:
            return "look";
        case TaskKind::kRefresh:
            return "refresh";
        case TaskKind::kSync:
            return "sync";
        case TaskKind::kWarm:
            return "warm";
        case TaskKind::kReload:
            return "reload";
    }
    return "";
}

// What the workers have to know of a cache of this database.
struct TaskCache {
    uint64 id;
    core::CacheIndex index;
    Oid owner;
    int32 priority;
};

struct TaskHead {
    Oid database;
    TaskKind kind;
    bool claimed;  // kRefresh: the entry's refresh claim is held, and given back with the task
    int32 priority;
    Oid owner;  // of the cache
    uint64 cache_id;
    core::CacheIndex index;
    core::Millis due;       // not before
    core::Millis deadline;  // urgency; a refresh is of no use afterwards
    core::Tag hash;         // kRefresh: the key's; else 0
    uint32 key_bytes;
    uint32 key_slot;  // the queue's own
    uint64 number;    // the queue's own: order of arrival
};

struct Task : TaskHead {
    uint8 key[kMaxTaskKey];

    core::KeyView view() const { return {hash, key, key_bytes}; }
};

}  // namespace cache_ext::pg
