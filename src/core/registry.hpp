// The registry: which cache owns which control block. Every function takes the locks that
// it needs; the caller holds none.
#pragma once

#include <cstdint>

#include "core/block.hpp"

namespace cache_ext::core {

// Control blocks that one owner, or one database, may have; 0: as many as there are.
struct Quota {
    std::uint32_t owner = 0;  // whose the new one is to be; 0: not known, and not limited
    std::uint32_t per_owner = 0;
    std::uint32_t per_database = 0;
};

// A cache that needs a control block.
struct NewCache {
    std::uint32_t database;
    std::uint64_t id;
    Tag whole_tag;
    Xid unsettled = kSettled;  // CacheControl::unsettled
    Quota quota = {};
};

struct Limits {
    std::uint64_t max_entries;       // 0: not limited
    std::uint64_t max_bytes;         // 0: not limited
    CacheIndex budget;               // kNoCache: its own
    Millis stale_for = 0;            // how long values may be served after they became old
    bool put_only = false;           // see CacheControl
    bool as_owner = true;            // the same; of one id always the same
    bool reloads = false;            // the same
    std::uint32_t refresh_beta = 0;  // the same
    bool pinned = false;             // the same; counts if the budget is its own
};

// Finds or makes the control block of a cache; kNoCache when all are taken, or those that the quota
// allows. *created: it is new, so it knows no writers yet and serves nobody for whom a transaction
// below next_xid() may still be in progress, until the caller has registered those it must know of
// and calls trust(). next_xid is asked under the registry lock, where no control block is to be had
// yet: whoever looked for one before, in vain, lies below.
CacheIndex attach(const Block& block, const NewCache& cache, Xid (*next_xid)(), bool* created);
// The control block of a cache, kNoCache if it has none.
CacheIndex find_cache(const Block& block, std::uint32_t database, std::uint64_t id);
// Whose the cache is now; counts for the quotas of those that come.
void set_owner(const Block& block, CacheIndex cache, std::uint64_t id, std::uint32_t owner);
// Takes no lock.
void set_limits(const Block& block, CacheIndex cache, const Limits& limits);

// There was a moment when a writer may have found no control block, so a new one may have missed
// writers.
bool exhausted(const Block& block);
void note_exhausted(const Block& block);

// What is known of a cache's declaration becomes `to` (CacheControl::unsettled), whatever it was.
void unsettle(const Block& block, CacheIndex cache, std::uint64_t id, Xid to);
// The same, if it was `from`.
struct Settling {
    std::uint64_t id;
    std::uint32_t generation;
    Xid from;
    Xid to;
};
void settle(const Block& block, CacheIndex cache, const Settling& settling);

// Removes the entries, also those of other caches that have read this one as a whole, and gives the
// control block back; of this generation only, unless that is 0.
void release_cache(const Block& block, CacheIndex cache, std::uint64_t id,
                   std::uint32_t generation);
void release_database(const Block& block, std::uint32_t database);

void set_last_error(const Block& block, CacheIndex cache, const char* message);
void last_error(const Block& block, CacheIndex cache, char* out);  // room for kMaxErrorBytes
// The setting that CacheControl::refused is about. Cheap if it is that one already.
void set_asked(const Block& block, CacheIndex cache, const char* setting);
void asked(const Block& block, CacheIndex cache, char* out);  // room for kMaxAskedBytes
// Counters, and the last error.
void reset_stats(const Block& block, CacheIndex cache);

}  // namespace cache_ext::core
