// Reading many keys of one cache at once: what the cache has is served, and all that it lacks is
// loaded by one query if the cache has a load_many function, else by the loader key by key.
#pragma once

#include "pg/read/read.hpp"

namespace cache_ext::pg {

struct ManyKeys {
    uint32 count;
    Datum* values;  // key by key, `columns` of the definition each
    bool* nulls;

    Datum* values_of(uint32 key, const Definition* d) const { return values + at(key, d); }
    bool* nulls_of(uint32 key, const Definition* d) const { return nulls + at(key, d); }

  private:
    static size_t at(uint32 key, const Definition* d) {
        return size_t{key} * static_cast<size_t>(d->columns);
    }
};

// One result per key, in their order. Counts, judges and publishes as read_value does for each of
// them; the snapshot must not change meanwhile. fresh: load even what there is.
//
// A key that load_many returns no row for has the value NULL; one that it returns twice is an ERROR
// (21000); rows of keys that were not asked for are ignored. Keys with a NULL in them, and a single
// key, go to the loader. If load_many is gone or has changed, everything does.
void read_many(const Definition* definition, const ManyKeys& keys, bool fresh, ReadResult* results);

// Values that were loaded together, to be taken key by key, in the memory context that was current.
struct LoadedBatch;
// Loads the first of the keys, for which try_serve has found this load to be needed, and the others
// as far as they turn out to be missing. The keys must live as long as the batch.
LoadedBatch* load_missing(const Definition* definition, const ManyKeys& keys, LoadNeeded first);
// nullptr: it is not among them. A key that is taken again counts as another read.
const ReadResult* take_loaded(LoadedBatch* loaded, const Key& key);

}  // namespace cache_ext::pg
