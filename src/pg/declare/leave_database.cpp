#include "pg/declare/leave_database.hpp"

#include "pg/base/compat.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

// Whoever runs it.
Oid database_of(Node* statement) {
    switch (nodeTag(statement)) {
        case T_DropdbStmt:
            return get_database_oid(reinterpret_cast<DropdbStmt*>(statement)->dbname, true);
        case T_AlterDatabaseStmt: {
            auto* alter = reinterpret_cast<AlterDatabaseStmt*>(statement);
            ListCell* cell;
            foreach (cell, alter->options) {
                if (strcmp(static_cast<DefElem*>(lfirst(cell))->defname, "tablespace") == 0) {
                    return get_database_oid(alter->dbname, true);
                }
            }
            return InvalidOid;
        }
        case T_RenameStmt: {
            auto* rename = reinterpret_cast<RenameStmt*>(statement);
            return rename->renameType == OBJECT_DATABASE ? get_database_oid(rename->subname, true)
                                                         : InvalidOid;
        }
        case T_CreatedbStmt: {
            ListCell* cell;
            foreach (cell, reinterpret_cast<CreatedbStmt*>(statement)->options) {
                auto* option = static_cast<DefElem*>(lfirst(cell));
                if (strcmp(option->defname, "template") == 0 && option->arg != nullptr) {
                    return get_database_oid(defGetString(option), true);
                }
            }
            return get_database_oid("template1", true);
        }
        default:
            return InvalidOid;
    }
}

// have_createdb_privilege() is not to be had in every minor version.
bool may_create_databases() {
    if (superuser()) return true;
    HeapTuple role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
    if (!HeapTupleIsValid(role)) return false;
    const bool may = reinterpret_cast<Form_pg_authid>(GETSTRUCT(role))->rolcreatedb;
    ReleaseSysCache(role);
    return may;
}

// May others than its owner copy this database?
bool is_template(Oid database) {
    HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
    if (!HeapTupleIsValid(tuple)) return false;
    const bool is = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple))->datistemplate;
    ReleaseSysCache(tuple);
    return is;
}

}  // namespace

Oid database_to_leave(Node* statement) {
    const Oid database = database_of(statement);
    if (!OidIsValid(database)) return InvalidOid;
    const bool may_run =
        object_ownercheck(DatabaseRelationId, database, GetUserId()) ||
        (IsA(statement, CreatedbStmt) && is_template(database) && may_create_databases());
    return may_run ? database : InvalidOid;
}

}  // namespace cache_ext::pg
