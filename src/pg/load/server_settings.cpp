// Where settings of a new session come from, if the session at hand cannot tell: what ALTER ROLE
// and ALTER DATABASE have set, and what the server's command line and files say.
#include "pg/base/compat.hpp"
#include "pg/load/session_settings.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_type.h"
#include "storage/bufmgr.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
}

namespace cache_ext::pg {
namespace {

// --- of roles and databases ---

MemoryContext roles_context = nullptr;
// Whose they are, and as of when: a transaction may change them itself, and take that back. For
// what others change see forget_role_settings.
struct AsOf {
    Oid owner;
    LocalTransactionId transaction;
    SubTransactionId subtransaction;
    CommandId command;
    TimestampTz statement;  // what only reads has no commands of its own

    bool operator==(const AsOf&) const = default;
};
AsOf known_as_of = {};
List* known = NIL;  // RoleSetting*
RoleSetting* known_array = nullptr;

bool is_known(const char* name) {
    ListCell* cell;
    foreach (cell, known) {
        if (pg_strcasecmp(static_cast<RoleSetting*>(lfirst(cell))->name, name) == 0) return true;
    }
    return false;
}

// Adds what the array has and nothing before it had.
void add_settings(Datum array) {
    Datum* items;
    int count;
    deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &items, nullptr,
                      &count);
    for (int i = 0; i < count; ++i) {
        char* name = TextDatumGetCString(items[i]);
        char* equals = strchr(name, '=');
        if (equals == nullptr) continue;
        *equals = '\0';
        if (is_known(name)) continue;
        auto* setting = static_cast<RoleSetting*>(palloc(sizeof(RoleSetting)));
        *setting = {name, equals + 1};
        known = lappend(known, setting);
    }
}

void read_settings(Relation table, Oid database, Oid role) {
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_db_role_setting_setdatabase, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(database));
    ScanKeyInit(&keys[1], Anum_pg_db_role_setting_setrole, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(role));
    SysScanDesc scan =
        systable_beginscan(table, DbRoleSettingDatidRolidIndexId, true, nullptr, 2, keys);
    while (HeapTuple tuple = systable_getnext(scan)) {
        bool is_null;
        const Datum array = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig,
                                         RelationGetDescr(table), &is_null);
        if (!is_null) add_settings(array);
    }
    systable_endscan(scan);
}

// --- of the server ---

struct StartSetting {
    StartSetting* next;
    GucSource source;
    const char* name;
    const char* value;
};
StartSetting* start_settings = nullptr;

MemoryContext files_context = nullptr;
TimestampTz files_as_of = 0;
bool files_read = false;
ConfigVariable* file_settings = nullptr;

void read_files() {
    if (files_context == nullptr)
        files_context = AllocSetContextCreate(TopMemoryContext, "cache_ext settings of files",
                                              ALLOCSET_SMALL_SIZES);
    MemoryContextReset(files_context);
    files_as_of = PgReloadTime;
    ConfigVariable* tail = nullptr;
    file_settings = nullptr;
    MemoryContext old = MemoryContextSwitchTo(files_context);
    files_read =
        ParseConfigFile(ConfigFileName, true, nullptr, 0, 0, DEBUG2, &file_settings, &tail) &&
        ParseConfigFile(PG_AUTOCONF_FILENAME, false, nullptr, 0, 0, DEBUG2, &file_settings, &tail);
    MemoryContextSwitchTo(old);
}

}  // namespace

RoleSettings role_settings(Oid owner) {
    const AsOf now = {owner, local_transaction(), GetCurrentSubTransactionId(),
                      GetCurrentCommandId(false), GetCurrentStatementStartTimestamp()};
    if (now != known_as_of) {
        if (roles_context == nullptr)
            roles_context = AllocSetContextCreate(TopMemoryContext, "cache_ext settings of roles",
                                                  ALLOCSET_SMALL_SIZES);
        MemoryContextReset(roles_context);
        known = NIL;
        known_as_of = {};
        Relation table = table_open(DbRoleSettingRelationId, AccessShareLock);
        // Most servers have none.
        if (RelationGetNumberOfBlocks(table) > 0) {
            MemoryContext old = MemoryContextSwitchTo(roles_context);
            read_settings(table, MyDatabaseId, owner);
            read_settings(table, InvalidOid, owner);
            read_settings(table, MyDatabaseId, InvalidOid);
            read_settings(table, InvalidOid, InvalidOid);
            known_array = static_cast<RoleSetting*>(
                palloc(sizeof(RoleSetting) * static_cast<size_t>(std::max(1, list_length(known)))));
            for (int i = 0; i < list_length(known); ++i) {
                known_array[i] = *static_cast<RoleSetting*>(list_nth(known, i));
            }
            MemoryContextSwitchTo(old);
        }
        table_close(table, AccessShareLock);
        known_as_of = now;
    }
    return {known_array, list_length(known)};
}

void forget_role_settings() {
    known_as_of = {};
}

void note_start_settings() {
    config_generic** changed;
    for (int i = 0, n = changed_settings(&changed); i < n; ++i) {
        const config_generic* v = changed[i];
        if (v->source != PGC_S_ARGV && v->source != PGC_S_ENV_VAR &&
            v->source != PGC_S_DYNAMIC_DEFAULT) {
            continue;
        }
        const char* value = GetConfigOption(v->name, true, false);
        if (value == nullptr) continue;
        MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
        auto* s = static_cast<StartSetting*>(palloc(sizeof(StartSetting)));
        *s = {start_settings, v->source, pstrdup(v->name), pstrdup(value)};
        MemoryContextSwitchTo(old);
        start_settings = s;
    }
    pfree(changed);
}

const char* server_setting(const char* name, bool* known_to_all) {
    const char* otherwise = nullptr;
    for (const StartSetting* s = start_settings; s != nullptr; s = s->next) {
        if (pg_strcasecmp(s->name, name) != 0) continue;
        if (s->source == PGC_S_ARGV) return s->value;
        otherwise = s->value;
    }
    if (files_context == nullptr || files_as_of != PgReloadTime) read_files();
    *known_to_all = files_read;
    for (const ConfigVariable* v = file_settings; v != nullptr; v = v->next) {
        if (v->name != nullptr && pg_strcasecmp(v->name, name) == 0) otherwise = v->value;
    }
    return otherwise;
}

}  // namespace cache_ext::pg
