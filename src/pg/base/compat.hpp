// Everything that differs between PostgreSQL versions, each with its reason: nothing else looks at
// the version, and a check (scripts/check_layers.py) holds it to that. What a newer version has
// under another name is written here for the older ones, so that the rest can be written for the
// newest.
#pragma once

#include <cstdint>

extern "C" {
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/explain.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
}

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 200000
#error \
    "cache_ext is made for PostgreSQL 15 to 19: for another, check the facts in docs/guarantees.md"
#endif

namespace cache_ext::pg {

// What the library tells the server of itself: 18 shows name and version in
// pg_get_loaded_modules().
#if PG_VERSION_NUM >= 180000
#define CACHE_EXT_MODULE_MAGIC \
    PG_MODULE_MAGIC_EXT(.name = "cache_ext", .version = CACHE_EXT_VERSION)
#else
#define CACHE_EXT_MODULE_MAGIC PG_MODULE_MAGIC
#endif

// --- transactions and processes ---

// The newest XID known to have completed. Written under ProcArrayLock; as an aligned 64-bit load it
// needs no lock, and any value not older than the snapshot at hand will do (see snapshots.cpp).
inline uint64 latest_completed_xid() {
#if PG_VERSION_NUM >= 170000
    return __atomic_load_n(&TransamVariables->latestCompletedXid.value, __ATOMIC_RELAXED);
#else
    return __atomic_load_n(&ShmemVariableCache->latestCompletedXid.value, __ATOMIC_RELAXED);
#endif
}

// The oldest XID whose end the commit log knows. Under XactTruncationLock.
inline TransactionId oldest_logged_xid() {
#if PG_VERSION_NUM >= 170000
    return TransamVariables->oldestClogXid;
#else
    return ShmemVariableCache->oldestClogXid;
#endif
}

// This process's place in ProcGlobal->allProcs: below MaxBackends, if it can run transactions. 17
// gives processes this one number, which is not in PGPROC any more.
inline int proc_number() {
#if PG_VERSION_NUM >= 170000
    return MyProcNumber;
#else
    return MyProc->pgprocno;
#endif
}

// The transaction at hand, with an XID or without. 17 moves it.
inline LocalTransactionId local_transaction() {
#if PG_VERSION_NUM >= 170000
    return MyProc->vxid.lxid;
#else
    return MyProc->lxid;
#endif
}

// What the i-th session is doing, from 1 on. 16 renames it.
inline const PgBackendStatus* backend_status(int i) {
#if PG_VERSION_NUM >= 160000
    return &pgstat_get_local_beentry_by_index(i)->backendStatus;
#else
    return &pgstat_fetch_stat_local_beentry(i)->backendStatus;
#endif
}

// Which table these counts are of. 16 renames it.
inline Oid table_of(const PgStat_TableStatus* counts) {
#if PG_VERSION_NUM >= 160000
    return counts->id;
#else
    return counts->t_id;
#endif
}

// What pg_stat_activity shows of a process that waits for something of ours. 17 lets extensions
// have names of their own; before, all waits are called Extension. May take a lock, once per
// process and name.
enum class Wait : uint8 { kLauncherMain, kWorkerMain, kLoad, kWorkersGone, kRetry };
uint32 wait_event(Wait wait);

// transaction_timeout, which 17 has, ends the session. What we do in a user's commit is not to use
// up what is left of it: it waits, and gets the time back.
struct HeldTimeout {
    TimestampTz since;
    TimestampTz due;  // 0: there is none
};
HeldTimeout hold_transaction_timeout();
void release_transaction_timeout(const HeldTimeout& held);

// --- locks ---

// 18 can log who holds a lock that is not waited for. We never ask it to.
inline bool try_xact_lock(TransactionId xid) {
#if PG_VERSION_NUM >= 180000
    return ConditionalXactLockTableWait(xid, false);
#else
    return ConditionalXactLockTableWait(xid);
#endif
}
// Neither waits nor raises an error where the lock table is full.
inline LockAcquireResult try_lock(const LOCKTAG* tag, LOCKMODE mode) {
#if PG_VERSION_NUM >= 180000
    return LockAcquireExtended(tag, mode, false, true, false, nullptr, false);
#else
    return LockAcquireExtended(tag, mode, false, true, false, nullptr);
#endif
}

// Does this process hold a lock on a relation that is stronger than ACCESS SHARE by the fast path?
// 18 has as many slots as max_locks_per_transaction asks for, where there were 16.
bool holds_strong_fast_path_lock();
// Does it hold another lock, by its entries in the lock table, for which `is` says so? Takes the
// table's partition locks, one at a time; `is` is called under them. 16 keeps the entries in
// another kind of list.
bool holds_lock(bool (*is)(const PROCLOCK&));

// --- rights ---

// 16 has one function for all kinds of objects. Here for those that we ask about.
#if PG_VERSION_NUM < 160000
AclResult object_aclcheck(Oid class_id, Oid object_id, Oid role, AclMode mode);
bool object_ownercheck(Oid class_id, Oid object_id, Oid role);
#endif

// Is anybody asked a privilege for what the entry of a plan's or a query's range table names? 16
// keeps that beside the range table.
inline bool asks_for_rights(const RangeTblEntry* entry) {
#if PG_VERSION_NUM >= 160000
    return entry->perminfoindex != 0;
#else
    return entry->requiredPerms != 0;
#endif
}
// The columns that a privilege to read is asked for, numbered from
// FirstLowInvalidHeapAttributeNumber, of an entry that asks_for_rights.
const Bitmapset* selected_columns(const Query* query, const RangeTblEntry* entry);

// What the entry of a query's range table that stands for its groups is made of; nullptr: it is
// none of that kind. 18 has such entries.
inline const List* group_expressions(const RangeTblEntry* entry) {
#if PG_VERSION_NUM >= 180000
    return entry->rtekind == RTE_GROUP ? entry->groupexprs : nullptr;
#else
    (void)entry;
    return nullptr;
#endif
}

// --- parsing ---

// 16 can hand errors back instead of raising them.
#if PG_VERSION_NUM < 160000
inline List* stringToQualifiedNameList(const char* name, Node*) {
    return ::stringToQualifiedNameList(name);
}
inline float8 float8in_internal(char* text, char** end, const char* type, const char* whole,
                                Node*) {
    return ::float8in_internal(text, end, type, whole);
}
#endif

// 15 declares the callbacks of tree walkers without parameters, which C++ takes at its word; 16
// gives them their types.
template <class Walker>
inline auto tree_walker(Walker* walker) {
#if PG_VERSION_NUM >= 160000
    return walker;
#else
    return reinterpret_cast<bool (*)()>(reinterpret_cast<void*>(walker));
#endif
}

// Expressions of SQL/JSON, which 15 has none of.
inline bool is_json_expression(const Node* node) {
#if PG_VERSION_NUM >= 170000
    if (IsA(node, JsonExpr)) return true;
#endif
#if PG_VERSION_NUM >= 160000
    return IsA(node, JsonValueExpr) || IsA(node, JsonConstructorExpr) || IsA(node, JsonIsPredicate);
#else
    (void)node;
    return false;
#endif
}

// --- catalogs ---

// 19 has an enum for the numbers of system caches.
#if PG_VERSION_NUM < 190000
using SysCacheIdentifier = int;
#endif

// The caches of pg_extension, which 18 makes for itself.
inline bool is_cache_of_extensions(int cache) {
#if PG_VERSION_NUM >= 180000
    return cache == EXTENSIONNAME || cache == EXTENSIONOID;
#else
    (void)cache;
    return false;
#endif
}

// pg_attribute.attgenerated of a column that is computed when it is read. 18 has these.
constexpr char kGeneratedVirtual = 'v';

// A statistic of VACUUM's that comes with 18; there is no column 0.
#if PG_VERSION_NUM >= 180000
constexpr AttrNumber kRelAllFrozen = Anum_pg_class_relallfrozen;
#else
constexpr AttrNumber kRelAllFrozen = InvalidAttrNumber;
#endif

// All rows, one after the other. 19 adds flags.
inline TableScanDesc begin_scan(Relation relation, Snapshot snapshot) {
#if PG_VERSION_NUM >= 190000
    return table_beginscan(relation, snapshot, 0, nullptr, SO_NONE);
#else
    return table_beginscan(relation, snapshot, 0, nullptr);
#endif
}

// Rows by an index, one after the other. 18 counts what it reads for EXPLAIN, 19 adds flags.
inline IndexScanDesc begin_index_scan(Relation table, Relation index, Snapshot snapshot, int keys) {
#if PG_VERSION_NUM >= 190000
    return index_beginscan(table, index, snapshot, nullptr, keys, 0, SO_NONE);
#elif PG_VERSION_NUM >= 180000
    return index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
    return index_beginscan(table, index, snapshot, keys, 0);
#endif
}

// A statement that gives tables new storage with the same rows: CLUSTER, VACUUM FULL, and REPACK,
// which 19 makes of CLUSTER. REPACK (CONCURRENTLY) is not among them: its new storage has no row
// that an older snapshot could see.
bool is_rewrite(const Node* statement);
// The table that CLUSTER or REPACK names, or nullptr.
const RangeVar* rewritten_table(const Node* statement);

// pg_logical_emit_message(): 17 adds an argument, and with it the names of their numbers change.
#if PG_VERSION_NUM >= 170000
constexpr Oid kEmitTextMessage = F_PG_LOGICAL_EMIT_MESSAGE_BOOL_TEXT_TEXT_BOOL;
constexpr Oid kEmitBytesMessage = F_PG_LOGICAL_EMIT_MESSAGE_BOOL_TEXT_BYTEA_BOOL;
#else
constexpr Oid kEmitTextMessage = F_PG_LOGICAL_EMIT_MESSAGE_BOOL_TEXT_TEXT;
constexpr Oid kEmitBytesMessage = F_PG_LOGICAL_EMIT_MESSAGE_BOOL_TEXT_BYTEA;
#endif

// Does cursor_to_xmlschema look whether a portal has columns before it describes them? 15.5 and
// later do. The server may be another minor version than the one we were compiled for.
inline bool looks_for_columns_of_cursor() {
    static const bool looks = atoi(GetConfigOption("server_version_num", false, false)) >= 150005;
    return looks;
}

// --- EXPLAIN ---

// An option of EXPLAIN (ANALYZE): `begin` is called when a statement has it, `report` when its plan
// has been printed, with what begin has returned. 18 lets extensions have options; before, there is
// none.
struct ExplainOption {
    const char* name;
    const char* shown_name;
    void* (*begin)();
    void (*report)(void* state, ExplainState* es);
};
void install_explain_option(const ExplainOption& option);

// --- settings ---

// Groups of settings that say when and how fast background work is done. 18 names and cuts them
// anew.
bool about_background(config_group group);

// What a setting has beside config_generic, by its type. 19 keeps it in a union.
#if PG_VERSION_NUM >= 190000
inline config_bool& bool_of(config_generic* v) {
    return v->_bool;
}
inline config_int& int_of(config_generic* v) {
    return v->_int;
}
inline config_real& real_of(config_generic* v) {
    return v->_real;
}
inline config_string& string_of(config_generic* v) {
    return v->_string;
}
inline config_enum& enum_of(config_generic* v) {
    return v->_enum;
}
#else
inline config_bool& bool_of(config_generic* v) {
    return *reinterpret_cast<config_bool*>(v);
}
inline config_int& int_of(config_generic* v) {
    return *reinterpret_cast<config_int*>(v);
}
inline config_real& real_of(config_generic* v) {
    return *reinterpret_cast<config_real*>(v);
}
inline config_string& string_of(config_generic* v) {
    return *reinterpret_cast<config_string*>(v);
}
inline config_enum& enum_of(config_generic* v) {
    return *reinterpret_cast<config_enum*>(v);
}
#endif
// The word for the value of an enum.
inline const char* word_for(config_generic* v, int value) {
#if PG_VERSION_NUM >= 190000
    return config_enum_lookup_by_value(v, value);
#else
    return config_enum_lookup_by_value(&enum_of(v), value);
#endif
}

// All settings, in order of their names. 16 has a hash table of them, makes the array anew at each
// call, with palloc, and sorts it.
#if PG_VERSION_NUM < 160000
inline config_generic** get_guc_variables(int* count) {
    *count = GetNumConfigOptions();
    return ::get_guc_variables();
}
#endif

// What a check hook puts in the place of a value. 16 has memory of its own for that.
#if PG_VERSION_NUM < 160000
inline char* guc_strdup(int, const char* text) {
    return strdup(text);
}
inline void guc_free(void* text) {
    free(text);
}
#endif

// As the server compares names of settings: without regard to the case of ASCII letters. Its own
// function is not for others.
int compare_setting_names(const char* a, const char* b);

// The setting of that name, or nullptr. 16 lets others use the server's own function.
config_generic* find_setting(const char* name);

// The settings that are not what the server was compiled with, in an array that is palloc'd. 16
// keeps a list of them.
int changed_settings(config_generic*** settings);

// Another name for a placeholder that is to be unknown for a while; allocated in TopMemoryContext.
// A library that reserves a prefix does not take it for one of those, and it cannot be set.
//
// 15 has a sorted array: a name that comes right after the setting's own keeps it in order. From 16
// on there is a hash table that remembers where each name belongs: other bytes in the same place
// are not found there.
char* alias_of(const char* name);
// A name that can be given back with take_name(); on 15 the one that the setting has, elsewhere a
// copy of it.
const char* keep_name(const config_generic* placeholder);
void free_kept_name(const char* name);
void take_name(config_generic* placeholder, const char* name);
// Gives `placeholder`, which goes by the alias, its name, and the alias to `other`, which has the
// name now. False: the server has removed the placeholder meanwhile, and nothing was done.
bool exchange_names(config_generic* placeholder, config_generic* other, const char* name,
                    const char* alias);

// Lets a setting look as if nobody had set it, so that no parallel worker is told of it, and gives
// it its source back. Nobody may set it in between.
GucSource take_source(config_generic* v);
void give_source(config_generic* v, GucSource source);

// Once, in _PG_init.
void install_compat();

}  // namespace cache_ext::pg
