// From a miss to a published value: what a load depends on while it runs, and the rules of
// publishing.
#pragma once

#include "pg/load.hpp"
#include "pg/read.hpp"

namespace cache_ext::pg {

// A load in progress, and what its loader has read from other caches so far: the value depends on
// all of that. Loads nest.
struct Load {
    Load* outer;
    const core::Snapshot* snapshot;
    core::EntryTags tags;
    core::Millis expires_at;  // of what was read, the earliest
    bool publishable;
    uint64 number;         // of the loads of this session
    core::Bypass because;  // not publishable
};

// The innermost one; nullptr: no loader is running in this session.
extern Load* innermost_load;
inline bool inside_load() {
    return innermost_load != nullptr;
}
// Which one, as a number that does not come again; 0: none.
uint64 current_load();
// The value being loaded, if there is one, depends on something that tags cannot express.
inline void spoil_outer() {
    if (inside_load()) innermost_load->publishable = false;
}
// What ran for it holds for this session only, unless the reason is kNone. True if so.
bool spoil_load(core::Bypass reason);
// It depends on these tags, and lives no longer than that.
void add_to_load(const core::EntryTags& tags, core::Millis expires_at, Load* load);
inline void add_to_outer(const core::EntryTags& tags, core::Millis expires_at) {
    if (inside_load()) add_to_load(tags, expires_at, innermost_load);
}
// A loader that reads under another snapshot than its own caller's: not for the outer entry.
inline void check_outer_snapshot(const core::Snapshot& s) {
    if (!inside_load()) return;
    const core::Snapshot& outer = *innermost_load->snapshot;
    if (outer.xmin != s.xmin || outer.xmax != s.xmax || outer.running_count != s.running_count) {
        spoil_outer();
    }
}

// Have all hard writers of the cache that the snapshot sees sent their invalidation messages? If
// not, *by is one that has not, 0 if that is not known.
bool messages_sent(core::CacheIndex index, const core::Snapshot& snapshot, core::Xid* by);
// What keeps all values of the cache, as it is declared, from being published; kNone: nothing.
core::Bypass reason_not_to_fill(const Definition* definition);
// The definition whose loader may fill the cache under this snapshot, which is the active one;
// nullptr: load for the reader alone. Counts `reads` bypasses then.
const Definition* definition_for_fill(const Definition* definition, const core::Snapshot& snapshot,
                                      uint32 reads);
// Around code that loads; `snapshot` must live as long. leave_load is due even after an error
// (failed).
void enter_load(const core::Snapshot& snapshot, Load* load);
void leave_load(const Load& load, bool failed);
// Publishes a value that was loaded in there, counts it, and fills in the result.
void complete_fill(const Definition* definition, const Key& key, const Load& load,
                   const Loaded& loaded, bool fresh, const core::Snapshot& snapshot,
                   ReadResult* result);
// What a load for the reader alone begins with: an outer value depends on it in unknown ways.
ReadResult not_published();
// A key occurred once more in a batch whose first result this is.
void count_repeated_read(const Definition* definition, const ReadResult& first, uint32 load_us);

}  // namespace cache_ext::pg
