// A read: serve it from the cache if that can be justified for the reader's snapshot, else load.
#pragma once

#include "pg/read/read_result.hpp"

namespace cache_ext::pg {

// What a read asks for.
struct ReadRequest {
    const Definition* definition;
    const Datum* arguments;
    const bool* nulls;
    bool never_load = false;  // cache_peek, and caches without a loader
    bool fresh = false;       // cache_refresh: load even if there is a value
    uint32 size_hint = 0;     // bytes that the value will probably take
    bool fetch_all = true;    // ask for the memory of a large value as well, not only of its entry
    bool copy = false;        // even of a large value: it is to be kept for longer than a row
    // An encoded key of the session that it is for, where that is not this one.
    const core::KeyView* like = nullptr;
    bool leads = false;    // others wait for the load
    bool encoded = false;  // the key is filled in, and its memory has been asked for
    // An argument has a collation of its own, so the loader runs for this reader, under that.
    bool own_collation = false;
    Oid collation = InvalidOid;
};

// Inside a loader, what the value depends on is added to what the outer value depends on.
ReadResult read_value(const ReadRequest& request);

// --- a read in its parts, for who reads many keys at once ---

// What load a read needs after try_serve.
enum class LoadNeeded : uint8 {
    kNone,
    kUnpublished,  // for this reader only
    kFill          // one that may be published, unless definition_for_fill() is against it
};

// Serves what is there: a put of this transaction, or what is cached. Counts what it came to, and
// fills in the key unless the request says that it is.
LoadNeeded try_serve(const ReadRequest& request, Key* key, ReadResult* result);
// Which values that are not valid (any more) a reader may be served. `has_xid`: his transaction.
core::OldValues old_values(const Definition* definition, bool has_xid);
// Would try_serve serve the key? Counts nothing.
bool would_serve(const Definition* definition, const Datum* arguments, const bool* nulls);
// What this snapshot would be served, without a trace: no use, no refresh. *value only after a hit,
// palloc'ed.
core::Found peek_cached(const Definition* definition, const Key& key,
                        const core::Snapshot& snapshot, Datum* value);
// The load that try_serve has found to be needed, by the loader.
void load_one(const ReadRequest& request, LoadNeeded needed, Key* key, ReadResult* result);

}  // namespace cache_ext::pg
