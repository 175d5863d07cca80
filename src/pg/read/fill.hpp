// From a miss to a published value: the rules of publishing.
#pragma once

#include "pg/load/load.hpp"
#include "pg/read/read_result.hpp"
#include "pg/load/running_load.hpp"

namespace cache_ext::pg {

// What keeps all values of the cache, as it is declared, from being published; kNone: nothing.
core::Bypass reason_not_to_fill(const Definition* definition);
// The definition whose loader may fill the cache under this snapshot, which is the active one;
// nullptr: load for the reader only. Counts `reads` bypasses then, if there is still a cache to
// count them of.
const Definition* definition_for_fill(const Definition* definition, const core::Snapshot& snapshot,
                                      uint32 reads);
// May values of the cache be published that nobody can judge, to be served as old ones?
bool serves_outrun(const Definition* definition, const core::Snapshot& snapshot);
// Publishes a value of this load if that can be, counts what came of it, and fills in the result.
void complete_fill(const Definition* definition, const Key& key, const Load& load,
                   const Loaded& loaded, bool fresh, const core::Snapshot& snapshot,
                   ReadResult* result);
// What a load for the reader only begins with: an outer value depends on it in unknown ways.
ReadResult not_published();
// A key occurred once more in a batch whose first result this is.
void count_repeated_read(const Definition* definition, const ReadResult& first, uint32 load_us);

}  // namespace cache_ext::pg
