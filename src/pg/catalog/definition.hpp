// What was declared: caches and what they depend on, as rows of the extension's tables say it. See
// definitions.hpp for who makes these and how long they live.
#pragma once

#include "core/snapshot.hpp"
#include "pg/base/calendar.hpp"
#include "pg/catalog/instants.hpp"
#include "pg/catalog/key_groups.hpp"

namespace cache_ext::pg {

// Different sets of key columns, and bounds, that a cache's dependencies map.
constexpr int kMaxMasks = 16;

// Why a declared dependency does not tell any more what the loader reads: the cache is bypassed.
enum class Lapse : uint8 {
    kNone,
    kAsk,        // no loader, but key queries: whether these hold has to be asked at every read
    kDropped,    // its relation is not there any more
    kRenamed,    // what it was declared on by name is another relation now, or none
    kHidden,     // its name alone, as the loader resolves it, means another relation since
    kForeign,    // it has a partition or child on a foreign server
    kPolicies,   // of an aggregate: its owner does not see all rows any more
    kIncomplete  // of the cache: dependencies that were declared are not there, or are others
};

struct PinnedSetting {
    const char* name;
    const char* value;
};

struct Aggregate;
struct Dependency;
struct InputPlan;
struct RowDeltas;

// What this session has found out about a definition while it uses it.
struct SessionState {
    core::CacheIndex index;  // control block; kNoCache until attached, or when there is none
    Oid executor;            // who may execute the accessor,
    uint64 executor_as_of;   // as of which definitions_generation() (require_execute)
    uint32 size_hint;        // how large values have been lately
    InputPlan* inputs;       // how session inputs are evaluated; nullptr until they are first
    // Of an aggregate cache: what its loader adds up; nullptr until that is first asked, or if it
    // is not what it was. And how changed rows are added up.
    const Aggregate* aggregate;
    bool no_aggregate;
    bool disproven;  // as of the last look before a fill, what is derived does not follow any more
    RowDeltas* row_deltas;
};

struct Definition {
    char name[NAMEDATALEN];
    uint64 id;
    const char* broken;   // what is wrong with its row, so that it cannot be used; nullptr: nothing
    Oid accessor;         // cache_get_<name>; InvalidOid: dropped behind our back
    Oid owner;            // of the accessor
    Oid declared_owner;   // of the accessor that it was declared with
    bool accessor_taken;  // there is one, but it is another function, of somebody else
    Oid loader;           // InvalidOid: none, or missing
    bool loader_taken;    // as accessor_taken
    Oid loader_collation;
    char* loader_name;     // qualified and quoted; nullptr: the cache has no loader
    char* load_many_name;  // as loader_name
    Oid load_many;         // InvalidOid: none, missing, or it does not fit any more
    char* load_all_name;
    Oid load_all;         // as load_many
    int64 sync_every_ms;  // 0: never
    char* warm_keys;      // a query; nullptr: none
    int64 warm_every_ms;  // 0: never
    bool warm_on_invalidate;
    bool warm_when_idle;
    bool tracks;         // relations that its loader reads and nobody has declared
    bool untracked_too;  // values that depend on what cannot be tracked live until their ttl
    bool loader_volatile;
    // It returns something else than it did when the cache was declared; of an aggregate cache: it
    // is another one.
    bool loader_changed;
    bool aggregates;  // its values are sums, to which writers add what they have changed
    int columns;
    Oid key_types[kMaxKeyColumns];
    Oid value_type;
    int16 value_length;
    bool value_by_value;
    bool value_is_base;  // no row in it whose columns ALTER could change
    int64 ttl_ms;        // -1: never expires
    int64 ttl_min_ms;    // equal to ttl_max_ms: the ttl does not adapt
    int64 ttl_max_ms;
    Calendar calendar;        // values hold for times of the same day, or the like
    int64 null_ttl_ms;        // -1: as other values
    int64 stale_ms;           // how long old values may be served while a refresh runs
    uint32 refresh_after_ms;  // UINT32_MAX: by refresh_beta alone, or never
    uint32 refresh_beta;      // thousandths (core/early.hpp); 0: refresh_after_ms alone says when
    int64 refresh_min_ms;     // -1: what a load takes, see refresh_min()
    int32 priority;
    int64 load_timeout_ms;  // 0: none of its own
    core::Limits limits;    // limits.budget is unused, see budget_id
    uint64 budget_id;       // 0: its own
    int setting_count;
    PinnedSetting* settings;
    // What the values vary by: parts of the key that callers do not give (vary_by.hpp), and which
    // declaration of them it is.
    int input_count;
    const char** inputs;
    uint64 inputs_hash;
    int same_count;  // settings that may be asked for although the key does not tell them
    const char** same_for_all;
    int group_count;  // of keys, by name; each has a mask below, unless it is the whole key
    KeyGroup* groups;
    // Can somebody who is no reader set up what a loader sees of the session? (vary_by.hpp)
    bool others_load;
    bool as_reader;  // its loader runs as whoever reads, whose role is a part of the key, too
    // Tags of an entry beyond its key and the whole cache: one per distinct set of key columns that
    // a dependency maps or a group has, and bounds of its instants (group_tags.hpp).
    int mask_count;
    ColumnMask masks[kMaxMasks];
    Bounds bounds[kMaxMasks];
    uint32 group_only;   // a bit for each of these that no dependency maps, only a group has
    Lapse lapse;         // of the first dependency that has lapsed
    char* lapse_text;    // which one, and what mends it
    char* widened_text;  // the same of one that concerns the whole cache now; nullptr: none
    bool path_lost;      // a row of a path dependency cannot be used as such
    uint64
        derivation;  // the newest of its dependencies that follow from the loader's text; 0: none
    int path_count;
    const Dependency** paths;  // on the relations that they were declared on
    List* stale;               // int64*: ids of rows that have lapsed or widened
    List* hidden;              // of those that are hidden
    int dependencies_missing;  // declared, but not there: a restore has lost them
    bool has_dependency;       // of an aggregate cache: its only one was read
    // Tables it depends on, partitions and children included.
    int relation_count;
    Oid* relations;
    bool detaching;  // a partition of one is being detached CONCURRENTLY
    core::Snapshot read_under;
    SessionState* session;  // the only part that changes

    CacheId cache_id() const { return {MyDatabaseId, id}; }
    bool refreshes() const { return refresh_after_ms != UINT32_MAX || refresh_beta != 0; }
    // Is its key more than the columns that callers give?
    bool varies() const { return input_count > 0 || as_reader; }
    ColumnMask all_columns() const { return (ColumnMask{1} << columns) - 1; }
    // Do these columns tell which entry it is? Where values vary they only tell a group of them.
    bool full_mask(ColumnMask mask) const { return !varies() && mask == all_columns(); }
    // Milliseconds between the beginnings of two loads of a key that no reader waits for, if a load
    // takes so many microseconds.
    core::Millis refresh_min(uint64 load_us) const {
        constexpr core::Millis kLeast = 1000;
        if (refresh_min_ms >= 0) return refresh_min_ms;
        return std::max(kLeast, static_cast<core::Millis>(load_us / 1000));
    }
};

enum class DependencyKind : uint8 {
    kKey,   // the row's own columns give the key (or part of it, or nothing: the whole cache)
    kPath,  // a query maps the row to its keys
    kVia    // that query reads this relation: the path leads through it
};

// One dependency as it applies to one relation (the declared one, a partition, a child).
struct Dependency {
    const Definition* definition;
    DependencyKind kind;
    int64 path;  // kPath: its id; kVia: that of the path dependency
    ColumnMask mask;
    bool all_columns;  // every change matters
    bool any_column;   // columns: all that there are
    bool inserts;      // kVia: inserted and deleted rows move keys; kPath: one of its kVia does
    bool derived;      // from the loader's text (load/loader_analysis)
    int column_count;  // columns whose change matters
    AttrNumber* columns;
    AttrNumber key[kMaxKeyColumns];  // kKey: by key column, 0: not mapped; that of the instant, too
    Bounds bounds;                   // kKey: only keys between which the row's instant lies
    AttrNumber instant;              // the column that has it, and its type
    Oid instant_type;
    const char* key_query;  // kPath
    int64 meaning;          // kPath: query_meaning of then; 0: not known, so nobody runs it
    bool reads_tables;      // kPath: and not only the row
    bool whole_row;         // kPath: key_query uses the row as a whole
    int row_column_count;   // kPath: columns of the row that key_query reads
    AttrNumber* row_columns;
    // kVia: the same cache depends on the relation by the very columns that the query returns,
    // so that a row that comes or goes, or an update that concerns the path, invalidates its
    // keys.
    bool covers_rows;
    bool covers_updates;
    Oid declared;  // the relation it was declared on
    // kKey: rows matter only where a row of that one references them; 0: all do. Where a foreign
    // key sees to it, new rows do not.
    Oid referenced_by;
    bool new_rows_wait;
};

struct RelationDependencies {
    Oid relation;
    bool has_no_triggers;  // a materialized view: REFRESH is noticed otherwise
    int count;
    Dependency* dependencies;
};

}  // namespace cache_ext::pg
