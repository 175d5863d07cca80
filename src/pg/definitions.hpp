// What has been declared in this database, as this backend knows it.
//
// Read from the extension's tables under a catalog snapshot and kept until one of them, a relation
// that a dependency names, or a function changes. A definition never changes while somebody uses
// it: a reload makes new ones, and the old ones live until the transaction ends.
#pragma once

#include "pg/keys.hpp"
#include "pg/shared.hpp"
#include "pg/snapshots.hpp"

namespace cache_ext::pg {

// Why a declared dependency does not tell any more what the loader reads: the cache is bypassed.
enum class Lapse : uint8 {
    kNone,
    kAsk,        // no loader, but key queries: whether these hold has to be asked at every read
    kDropped,    // its relation is not there any more
    kRenamed,    // what it was declared on by name is another relation now, or none
    kHidden,     // its name alone, as the loader resolves it, means another relation since
    kForeign,    // it has a partition or child on a foreign server
    kIncomplete  // of the cache: dependencies that were declared are not there
};

struct PinnedSetting {
    const char* name;
    const char* value;
};

struct Dependency;

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
    bool loader_volatile;
    bool loader_changed;  // it returns something else than it did when the cache was declared
    int columns;
    Oid key_types[kMaxKeyColumns];
    Oid value_type;
    int16 value_length;
    bool value_by_value;
    bool value_is_base;  // no row in it whose columns ALTER could change
    int64 ttl_ms;        // -1: never expires
    int64 ttl_min_ms;    // equal to ttl_max_ms: the ttl does not adapt
    int64 ttl_max_ms;
    int64 null_ttl_ms;        // -1: as other values
    int64 stale_ms;           // how long old values may be served while a refresh runs
    uint32 refresh_after_ms;  // UINT32_MAX: never
    int32 priority;
    int64 load_timeout_ms;  // 0: none of its own
    core::Limits limits;    // limits.budget is unused, see budget_id
    uint64 budget_id;       // 0: its own
    int setting_count;
    PinnedSetting* settings;
    // Tags of an entry beyond its key and the whole cache: one per distinct set of key columns that
    // a dependency maps.
    int mask_count;
    ColumnMask masks[core::kMaxTags];
    Lapse lapse;         // of the first dependency that has lapsed
    char* lapse_text;    // which one, and what mends it
    char* widened_text;  // the same of one that concerns the whole cache now; nullptr: none
    bool path_lost;      // a row of a path dependency cannot be used as such
    int path_count;
    const Dependency** paths;  // on the relations that they were declared on
    List* stale;               // int64*: ids of rows that have lapsed or widened
    List* hidden;              // of those that are hidden
    int dependencies_missing;  // declared, but not there: a restore has lost them
    // Tables it depends on, partitions and children included.
    int relation_count;
    Oid* relations;
    core::CacheIndex index;  // control block; kNoCache until attached, or when there is none
    core::Snapshot loaded_under;
    // What this session has found out meanwhile: who may execute the accessor, as of which
    // definitions_generation() (require_execute), and how large values have been lately.
    mutable Oid executor;
    mutable uint64 executor_as_of;
    mutable uint32 size_hint;

    CacheId cache_id() const { return {MyDatabaseId, id}; }
    bool full_mask(ColumnMask mask) const { return mask == (ColumnMask{1} << columns) - 1; }
};

enum class DependencyKind : uint8 {
    kKey,    // the row's own columns give the key (or part of it, or nothing: the whole cache)
    kPath,   // a query maps the row to its keys
    kLookup  // that query reads this relation
};

// One dependency as it applies to one relation (the declared one, a partition, a child).
struct Dependency {
    const Definition* definition;
    DependencyKind kind;
    int64 path;  // kPath: its id; kLookup: that of the path dependency
    ColumnMask mask;
    bool all_columns;  // every change matters
    bool inserts;      // kLookup: inserted and deleted rows move keys; kPath: its lookups say so
    int column_count;  // columns whose change matters
    AttrNumber* columns;
    AttrNumber key[kMaxKeyColumns];  // kKey: by key column, 0: not mapped
    const char* key_query;           // kPath
    bool whole_row;                  // kPath: key_query uses the row as a whole
    int row_column_count;            // kPath: columns of the row that key_query reads
    AttrNumber* row_columns;
    // kLookup: the same cache depends on the relation by the very columns that the query returns,
    // so that a row that comes or goes, or an update that concerns the lookup, invalidates its
    // keys.
    bool covers_rows;
    bool covers_updates;
    Oid declared;  // the relation it was declared on
};

struct RelationDependencies {
    Oid relation;
    bool has_no_triggers;  // a materialized view: REFRESH is noticed otherwise
    int count;
    Dependency* dependencies;
};

// See definitions_generation().
extern uint64 generation_of_definitions;

// Loads what is not loaded. False: the extension is not installed in this database.
bool definitions_ready();

// The same for who must not wait for a lock on the extension's tables: ERROR 55P03 instead.
void load_definitions_without_waiting();

// While a transaction commits: what is known stays as it is, and nothing is loaded any more.
void hold_definitions(bool hold);

// Does this backend know, without asking, what is declared (or that nothing is)?
bool definitions_loaded();

// Grows whenever definitions are out of date, are loaded again, or somebody's right to execute an
// accessor may have changed; what was found out under another number is stale, pointers included.
// Never 0.
inline uint64 definitions_generation() {
    return generation_of_definitions;
}

// nullptr: no such cache.
const Definition* find_definition(const char* name);
const Definition* find_definition_by_id(uint64 id);
// ERROR 42704 with a hint if there is none.
const Definition* require_definition(const char* name);
// The same for a name of `size` bytes without an end. Fast for a name that was asked for lately.
const Definition* require_definition(const char* name, size_t size);

int definition_count();
const Definition* definition_at(int i);

// nullptr: nothing depends on it.
const RelationDependencies* dependencies_of(Oid relation);
// All relations that something depends on, for the check at commit.
int dependency_relation_count();
const RelationDependencies& dependency_relation_at(int i);

// What control_block does when the one that was found last has gone to another cache.
core::CacheIndex find_control_block(const Definition* definition);
// The control block of a definition, made if need be; kNoCache when there is none to be had.
inline core::CacheIndex control_block(const Definition* d) {
    return store().is(d->index, d->id) ? d->index : find_control_block(d);
}
// Control blocks of all definitions that have one, without making any. Needs shared memory.
void find_control_blocks();
// The same by id alone, for a cache whose definition is not at hand.
core::CacheIndex attach_control_block(uint64 id, Oid owner = InvalidOid);

// Definitions that have been invalidated, or were loaded by a snapshot that missed a hard writer of
// the cache, are out of date; loads them again if so, and returns the one that replaces
// `definition` (nullptr: it was dropped).
const Definition* refresh_if_older(const Definition* definition);

// Milliseconds of an interval as EXTRACT(epoch ...) counts them: a year is 365.25 days, what months
// it leaves are 30 days each.
int64 interval_ms(const Interval* interval);

// Where everything is that is no user's name: a member of the extension, in which nobody else can
// create anything.
constexpr const char* kInternalSchema = "cache_ext_internal";

// Whoever declares keeps the extension until the transaction ends: DROP EXTENSION waits for it, and
// it for that. ERROR 42704 if the extension is not installed in this database.
void require_extension();

// The schema of the extension, its tables and its trigger function. ERROR 42704 as above; none
// where definitions_ready() is true.
Oid extension_schema();
Oid extension_oid();
Oid definition_table();
Oid dependency_table();
Oid invalidate_trigger();

void install_definition_callbacks();
// What was loaded inside a transaction that had written may be what it had made of the catalogs.
void transaction_aborted_for_definitions();
// This transaction changes what definitions are made of: what it loads goes when it, or a part of
// it, is rolled back.
void note_ddl();
void transaction_ended_for_definitions();
// At the end of a transaction: frees what reloads have left.
void free_retired_definitions();

// Around every call of somebody's code (loaders, queries, casts, input and output functions) by who
// goes on using definitions afterwards. Errors are taken care of.
void enter_user_code();
void leave_user_code();
// Where a function of ours begins, and has not got a definition yet: frees earlier loads that
// nobody up the stack can use any more, so that a transaction that runs long beside DDL, or does
// much of it, keeps but a few.
void forget_unused_definitions();
void subtransaction_started_for_definitions(int level);
void subtransaction_aborted_for_definitions(int level);
void invalidate_definitions();
// For whoever has to know which dependencies have lost their names, without a fill that would find
// out.
void notice_changed_names();

}  // namespace cache_ext::pg
