// The loads that run in this session, and what each has read from other caches so far: its value
// depends on all of that. Loads nest, and live on the stack of who runs them.
#pragma once

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "utils/hsearch.h"
}

namespace cache_ext::pg {

struct TagOwner {
    uint64 id;
    core::CacheIndex index;
    core::Tag leading;  // the one that stands for it and its like (gathering.hpp), or none
};

// A load in progress.
struct Load {
    Load* outer;
    const Definition* definition;
    const core::Snapshot* snapshot;
    core::EntryTags tags;  // and the period for which all of that holds
    // Of each of these: the cache whose key it is, or a part of one; id 0: that is not known.
    TagOwner owner[core::kMaxTags];
    core::Millis expires_at;  // of what was read, the earliest
    bool publishable;
    uint64 number;         // of the loads of this session
    core::Bypass because;  // not publishable
    // What it has read (reads.hpp, coverage.hpp).
    bool tracks;             // of a cache that tracks what it is not told of
    MemoryContext context;   // where that is noted: what the load was entered in
    HTAB* relations;         // Oid; nullptr: none so far
    core::Bypass met;        // something that no relation tells of; kNone: nothing
    Oid met_object;          // that function
    bool asks_of_session;    // for something that is no part of the key (session_reads.hpp)
    Oid asked;               // by this function; InvalidOid: it is not known by what
    const char* setting;     // for this one; nullptr: for no setting, or its name is computed
    List* functions;         // Oids: those that it has called, but for SQL and C
    bool serial;             // it must not have parallel workers
    uint32 worker_queries;   // queries_in_workers() when it began
    uint64 tracked_changes;  // Store::tracked_changes() when it began
    uint64 messages;         // invalidations that this session had heard of after that
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
// The value that is being loaded, and with it all that are made of it, holds for these times only.
inline void limit_load(const core::Period& period) {
    innermost_load->tags.period = innermost_load->tags.period.meet(period);
}
// The value being loaded, if there is one, has read an entry with these tags: it depends on them,
// holds for no other times, and lives no longer than that.
void add_hit_to_outer(const Definition* d, const Key& key, const core::EntryTags& tags,
                      core::Millis expires_at);
// The same for a value that was loaded for it.
void add_load_to_outer(const Definition* d, const Key& key, const Load& load,
                       core::Millis expires_at);
// A loader that reads under another snapshot than its own caller's: not for the outer entry.
inline void check_outer_snapshot(const core::Snapshot& s) {
    if (!inside_load()) return;
    if (!core::same_snapshot(*innermost_load->snapshot, s)) spoil_outer();
}

// One more tag, or (span) some instants of a ranged one. Where there is no room, those of the cache
// that most of them are of, of the same first column if there are some, become one (gathering.hpp);
// what has too many of others is not published.
void add_tag(Load* load, core::Tag tag, bool is_key, core::CacheIndex cache, TagOwner owner,
             const core::Span* span = nullptr);
// Those that stand for a part of the key, by the dependencies of its cache.
void add_part_tags(const Definition* d, const Key& key, Load* load);

// Around code that loads values of a cache; `snapshot` must live as long. leave_load is due even
// after an error (failed).
void enter_load(const Definition* definition, const core::Snapshot& snapshot, Load* load);
void leave_load(const Load& load, bool failed);
}  // namespace cache_ext::pg
