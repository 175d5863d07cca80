// Warming a cache: loading the keys that will be wanted before anybody asks for them.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// Keys to warm, most wanted first, encoded; they live in a memory context of their own.
struct WarmKeys {
    MemoryContext context;  // nullptr: nothing was collected
    uint32 count;
    uint32 capacity;
    core::KeyView* keys;  // without hashes
};

// How far a run has come.
struct WarmProgress {
    uint32 next;    // key
    uint64 loaded;  // values published
    uint64 bytes;   // of the values seen so far, those included that were valid
    uint32 left;    // keys that only their readers can load
    char left_because[128];
    bool full;     // the budget holds no more
    bool blocked;  // nothing can be published just now: what the loader is made of is changing
};

// Where keys come from, without looking at them: a warm_keys query, or keys that were learnt.
bool can_warm(const Definition* definition);

// The keys of a run: by the warm_keys query, under the active snapshot, else the learnt ones; at
// most `max_keys` (0: all), and no more than the cache's budget has entries. The context is a child
// of `parent`. Errors of the query pass unchanged.
WarmKeys collect_warm_keys(const Definition* definition, uint64 max_keys, MemoryContext parent);
// The keys of entries that were read and that this snapshot cannot be served any more. Those whose
// last load began less than refresh_min ago are left; *left_until: until when the first of them,
// kNever if there are none.
WarmKeys collect_invalidated_keys(const Definition* definition, MemoryContext parent,
                                  core::Millis* left_until);

// Loads up to cache_ext.warm_batch of the keys that the active snapshot would not be served.
// False: that was the last of them, or progress says why not. Errors of the loader pass unchanged.
bool warm_batch(const Definition* definition, const WarmKeys& keys, WarmProgress* progress);

}  // namespace cache_ext::pg
