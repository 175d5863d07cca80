// Loading keys that a caller names, in batches.
#pragma once

#include "pg/catalog/definitions.hpp"
#include "pg/sql/batches.hpp"

namespace cache_ext::pg {

struct KeysToLoad {
    uint64 cache_id;
    uint32 count;
    Datum* values;  // key by key, `columns` of the definition each
    bool* nulls;
    bool missing_only;  // what this session would be served is left alone
    uint32 batch_size;
    int retries;
    MemoryContext context;  // of what is reported
    KeyReport* reports;     // one a key: loaded, valid, not published, or failed
};
void load_keys(const KeysToLoad& keys);

// A cache after others' code has run. ERROR 42704 if it was dropped.
const Definition* known_cache(uint64 id);

}  // namespace cache_ext::pg
