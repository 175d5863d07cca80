// May what a load has computed be published, by what it has read?
//
// Every relation must be covered: declared for the cache, by key or by path, or tracked for the
// cache as a whole (core/tracked.hpp). One that is met for the first time begins to be tracked
// here.
#pragma once

#include "pg/load/running_load.hpp"

namespace cache_ext::pg {

// After leave_load() of a load of this cache, which has a control block. A load that has read what
// is not covered is not publishable any more; why is remembered with the cache.
void cover_reads(const Definition* definition, Load* load);

// Why a load was not published, or only until its ttl has passed: a relation or function that it
// has met, if one is to be named.
struct Refusal {
    core::Bypass reason = core::Bypass::kNone;
    bool is_function = false;
    uint16 unused = 0;
    Oid object = InvalidOid;
};

// Of the last load of this cache that was judged by what it read; kNone: it was covered. Of a cache
// that has a control block.
Refusal last_refusal(const Definition* definition);

}  // namespace cache_ext::pg
