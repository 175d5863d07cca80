#include "pg/declare/ddl.hpp"

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {

namespace {
bool own_ddl = false;
bool in_declaration = false;

// InvalidOid: there is no such trigger.
Oid table_of_trigger(Oid trigger) {
    Relation catalog = table_open(TriggerRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(trigger));
    SysScanDesc scan = systable_beginscan(catalog, TriggerOidIndexId, true, nullptr, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    const Oid table = HeapTupleIsValid(tuple)
                          ? reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple))->tgrelid
                          : InvalidOid;
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return table;
}

void set_locally(const char* name, const char* value) {
    set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}
}  // namespace

bool take_own_ddl() {
    const bool own = own_ddl;
    own_ddl = false;
    return own;
}

void run_sql(const char* sql) {
    int result = 0;
    own_ddl = true;
    enter_user_code();
    PG_TRY();
    { result = SPI_execute(sql, false, 0); }
    PG_FINALLY();
    { own_ddl = false; }
    PG_END_TRY();
    leave_user_code();
    if (result < 0) elog(ERROR, "%s: %s", SPI_result_code_string(result), sql);
}

int begin_plain_texts() {
    const int nest = NewGUCNestLevel();
    set_locally("array_nulls", "on");
    set_locally("DateStyle", "ISO, YMD");
    set_locally("IntervalStyle", "postgres");
    set_locally("extra_float_digits", "1");
    return nest;
}

void end_plain_texts(int nest) {
    AtEOXact_GUC(true, nest);
}

uint64 run_as_owner(Oid table, const char* sql, int count, const char* const* parameters) {
    Relation relation = RelationIdGetRelation(table);
    if (!RelationIsValid(relation)) elog(ERROR, "relation %u of cache_ext is missing", table);
    const Oid owner = relation->rd_rel->relowner;
    RelationClose(relation);

    Oid types[kMostParameters];
    Datum values[kMostParameters];
    char nulls[kMostParameters];
    if (count > kMostParameters) elog(ERROR, "a statement of cache_ext has too many parameters");
    for (int i = 0; i < count; ++i) {
        types[i] = TEXTOID;
        nulls[i] = parameters[i] == nullptr ? 'n' : ' ';
        values[i] = parameters[i] == nullptr ? 0 : CStringGetTextDatum(parameters[i]);
    }
    Oid user;
    int security;
    GetUserIdAndSecContext(&user, &security);
    // What the caller's search_path finds must not run with the owner's rights. Everything here is
    // restored by (sub)transaction abort if the statement fails.
    SetUserIdAndSecContext(owner,
                           security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    const int nest = begin_plain_texts();
    set_locally("search_path", "pg_catalog, pg_temp");
    int result = 0;
    in_declaration = true;
    enter_user_code();
    PG_TRY();
    { result = SPI_execute_with_args(sql, count, types, values, nulls, false, 0); }
    PG_FINALLY();
    { in_declaration = false; }
    PG_END_TRY();
    leave_user_code();
    end_plain_texts(nest);
    SetUserIdAndSecContext(user, security);
    if (result < 0) elog(ERROR, "%s: %s", SPI_result_code_string(result), sql);
    return SPI_processed;
}

bool declaring() {
    return in_declaration;
}

const char* array_literal(List* texts) {
    StringInfoData s;
    initStringInfo(&s);
    appendStringInfoChar(&s, '{');
    ListCell* cell;
    foreach (cell, texts) {
        if (s.len > 1) appendStringInfoChar(&s, ',');
        const char* text_item = static_cast<char*>(lfirst(cell));
        if (text_item == nullptr) {
            appendStringInfoString(&s, "NULL");
            continue;
        }
        appendStringInfoChar(&s, '"');
        for (const char* c = text_item; *c != '\0'; ++c) {
            if (*c == '"' || *c == '\\') appendStringInfoChar(&s, '\\');
            appendStringInfoChar(&s, *c);
        }
        appendStringInfoChar(&s, '"');
    }
    appendStringInfoChar(&s, '}');
    return s.data;
}

bool lock_to_drop(Oid class_id, Oid object_id) {
    if (class_id == TriggerRelationId) {
        // As DROP TRIGGER and DROP TABLE do, before anything else.
        const Oid table = table_of_trigger(object_id);
        if (!OidIsValid(table)) return false;
        LockRelationOid(table, AccessExclusiveLock);
        return OidIsValid(table_of_trigger(object_id));
    }
    LockDatabaseObject(class_id, object_id, 0, AccessExclusiveLock);
    return SearchSysCacheExists1(PROCOID, ObjectIdGetDatum(object_id));
}

void drop_locked(Oid class_id, Oid object_id) {
    ObjectAddress object;
    ObjectAddressSet(object, class_id, object_id);
    enter_user_code();
    performDeletion(&object, DROP_RESTRICT, 0);
    leave_user_code();
}

void drop_object(Oid class_id, Oid object_id) {
    if (lock_to_drop(class_id, object_id)) drop_locked(class_id, object_id);
}

}  // namespace cache_ext::pg
