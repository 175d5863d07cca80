// What a plan can be made of: kinds of statements, and groups of tables with the caches over them.
// `--only` and the shrinker choose among them.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>

namespace consistency {

enum class Kind : std::uint8_t {
    kInsert,
    kMultiRow,
    kUpdate,
    kKeyMove,  // for the lead tables: a path gets another parent
    kDelete,
    kCascade,
    kUpsert,
    kMerge,
    kCopy,
    kTruncate,
    kReturning,
    kCte,
    kReplica,
    kRewrite,
    kTriggers,
    kAttach,
    kComment,  // the loader is replaced by one that means the same
    kMeaning,  // or something else
    kInvalidate,
    kRefresh,
    kPut,
    kSavepoint,
    kException,
    kSubtransactions,
    kCursor,
    kDeferred,
    kPrepared,
    kRollback,
    kRepeatable,
    kLongWriter,
    kOrphan,
    kFreeze,
    kRefreshView,
    kDetach,  // CONCURRENTLY
    kHold,
    kSweep,  // many keys of several caches at once
    kOperator,
    kOpclass,
    kCast,
    kBehind,  // the function behind an operator, a cast or an operator class
    kGrant,
    kColumnGrant,
    kSchemaGrant,
    kAllGrant,  // on all tables, or sequences, of a schema
    kMember,
    kRoleName,
    kSetting,  // of a role or a database
    kPolicy,
    kRowSecurity,
    kSwapTable,
    kSwapSchema,
    kSwapColumn,
    kMend,       // a dependency is declared again, on what has the name now
    kRedeclare,  // a cache is dropped and declared again
    kAlterCache,
    kBeside,  // the same while a transaction with DDL is prepared
    kUndo,    // DDL that a savepoint takes back
    kClaims,  // the session has claims, as a gateway sets them
    kActAs,   // and another role
    kForce,   // row security holds for the owner, or not
    kCount
};

inline constexpr const char* kKindNames[] = {
    "insert",      "multirow",  "update",      "keymove",    "delete",     "cascade",
    "upsert",      "merge",     "copy",        "truncate",   "returning",  "cte",
    "replica",     "rewrite",   "triggers",    "attach",     "comment",    "meaning",
    "invalidate",  "refresh",   "put",         "savepoint",  "exception",  "subtransactions",
    "cursor",      "deferred",  "prepared",    "rollback",   "repeatable", "longwriter",
    "orphan",      "freeze",    "refreshview", "detach",     "hold",       "sweep",
    "operator",    "opclass",   "cast",        "behind",     "grant",      "columngrant",
    "schemagrant", "allgrant",  "member",      "rolename",   "setting",    "policy",
    "rowsecurity", "swaptable", "swapschema",  "swapcolumn", "mend",       "redeclare",
    "altercache",  "beside",    "undo",        "claims",     "actas",      "force"};
static_assert(std::size(kKindNames) == static_cast<std::size_t>(Kind::kCount));

// Tables that belong together, and the cache over them.
enum class Group : std::uint8_t {
    kItem,     // direct: one key column
    kSale,     // two key columns, one dependency maps only the first
    kLead,     // indirect: lead -> call -> agent -> person
    kQuote,    // whole cache
    kEvent,    // partitioned
    kBoth,     // nested: reads the caches of item and event
    kNote,     // put, no loader
    kVersion,  // a counter per key that only grows
    kDigest,   // a materialized view
    kTalk,     // call, whose new rows wait for leads
    kTotal,    // aggregates of item,
    kShare,    // of sale, by two columns and with filters,
    kStream,   // and of event, which is partitioned: writers adjust their values
    kVisit,    // keys between whose columns a row's instant lies, see schema_periods.hpp
    // From here on the catalogs decide, see schema_catalog.hpp.
    kOper,   // operators, casts, an operator class
    kRight,  // privileges of its owner
    kRole,   // policies; name, memberships and settings of its owner
    kSwap,   // tables, schemas and columns that swap names
    kFresh,  // declared again and again
    // And here what the session is like, see schema_readers.hpp.
    kClaim,   // its claims, by vary_by and row security
    kReader,  // and its role: run_as => 'reader'
    kCount
};

inline constexpr const char* kGroupNames[] = {
    "item",    "sale",   "lead", "quote", "event", "both",   "note",
    "version", "digest", "talk", "total", "share", "stream", "visit",
    "oper",    "right",  "role", "swap",  "fresh", "claim",  "reader"};
static_assert(std::size(kGroupNames) == static_cast<std::size_t>(Group::kCount));

using KindSet = std::bitset<static_cast<std::size_t>(Kind::kCount)>;
using KindCounts = std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Kind::kCount)>;
using GroupSet = std::bitset<static_cast<std::size_t>(Group::kCount)>;

inline const char* name_of(Kind kind) {
    return kKindNames[static_cast<std::size_t>(kind)];
}
inline const char* name_of(Group group) {
    return kGroupNames[static_cast<std::size_t>(group)];
}

// Is it a cache that cache_create_aggregate makes?
inline bool is_aggregate(Group group) {
    return group == Group::kTotal || group == Group::kShare || group == Group::kStream;
}

// Names of what is in the sets, separated by commas; "reads" if there is nothing else.
std::string describe(const KindSet& kinds);
std::string describe(const GroupSet& groups);

// Reads a list of kinds and groups. What it does not name is off; without a group all are on, and
// the same for kinds. False: a name that there is not.
bool parse_only(const std::string& list, KindSet* kinds, GroupSet* groups);

}  // namespace consistency
