// May what a load has computed be published, by what it has read?
//
// Every relation must be covered: declared for the cache, by key or by path, or tracked for the
// cache as a whole (core/tracked.hpp). One that is met for the first time begins to be tracked
// here. Of caches that depend on nothing but what is declared this only finds out what is not.
#pragma once

#include "pg/load/running_load.hpp"

namespace cache_ext::pg {

// After leave_load() of a load of this cache, which has a control block. A load that has read what
// is not covered is not publishable any more; why is remembered with the cache.
void cover_reads(const Definition* definition, Load* load);

// Has a load found that what was derived for the cache does not follow from its loader's text any
// more, so that all that it reads is tracked until cache_declare derives it anew? Of a cache that
// has a control block.
bool is_tracked_instead(const Definition* definition);

// Are changes of the relation noticed with nothing declared, and of its partitions and children?
// Not those of foreign tables, catalogs, temporary tables and tables that are no heaps.
bool is_trackable(Oid relation);

// Why a load was not published, or only until its ttl has passed: a relation or function that it
// has met, if one is to be named.
struct Refusal {
    core::Bypass reason = core::Bypass::kNone;
    bool is_function = false;
    bool undeclared = false;  // of a cache that depends on nothing but what is declared
    uint8 unused = 0;
    Oid object = InvalidOid;
};

// Of the last load of this cache that was judged by what it read; kNone: it was covered. Where only
// what is declared counts, of any load. Of a cache that has a control block.
Refusal last_refusal(const Definition* definition);
// Is it about what cannot be tracked, so that it stays so, and a cache may accept values that live
// until their ttl?
bool bounds_only(core::Bypass reason);
const char* refusal_reason(const Refusal& refusal);
// As SQL; nullptr: there is none to be named, or it is gone. The setting, where one was asked for.
const char* refused_object(const Definition* definition, const Refusal& refusal);
// What that is: "table", "function", "setting".
const char* refused_kind(const Definition* definition, const Refusal& refusal);

}  // namespace cache_ext::pg
