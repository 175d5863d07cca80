// What one statement of this session has read of the caches, for who asks (EXPLAIN). The counters
// in shared memory are everybody's.
#pragma once

#include "pg/catalog/definition.hpp"

namespace cache_ext::pg {

struct Tally;

// One cache, in the order of first use.
struct TallyRow {
    TallyRow* next;
    uint64 id;
    const char* name;
    uint64 value[core::kCounters];
    uint64 bypass[core::kBypassReasons];
};

// Begins one, which counts as long as the current memory context lives. Those that began before go
// on counting as well.
Tally* begin_tally();
// What has been counted since it began, or since it was taken the last time.
const TallyRow* take_tally(Tally* tally);

// Is there one?
extern Tally* innermost_tally;
void tally(const Definition* d, core::Counter counter, uint64 n);
void tally_bypass(const Definition* d, core::Bypass reason);

}  // namespace cache_ext::pg
