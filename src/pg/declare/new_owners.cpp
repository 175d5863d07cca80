// A definition remembers whose its accessor is (trusted_functions.hpp). ALTER FUNCTION ... OWNER
// and REASSIGN OWNED make it another role's by right: that is remembered, too, as after pg_upgrade
// the owner is all that tells the function from another one of its name. REASSIGN OWNED is also the
// only way in which the extension gets another owner, who needs what the script has granted the
// first.
#include "pg/declare/new_owners.hpp"

#include "pg/declare/ddl.hpp"
#include "pg/catalog/definitions.hpp"
#include "pg/base/spi.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/binary_upgrade.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
}

namespace cache_ext::pg {
namespace {

ProcessUtility_hook_type previous_hook = nullptr;

bool changes_owners(Node* statement) {
    if (IsA(statement, ReassignOwnedStmt)) return true;
    if (!IsA(statement, AlterOwnerStmt)) return false;
    const ObjectType type = reinterpret_cast<AlterOwnerStmt*>(statement)->objectType;
    return type == OBJECT_FUNCTION || type == OBJECT_ROUTINE;
}

void remember_owners() {
    CommandCounterIncrement();
    if (!definitions_ready()) return;
    List* names = NIL;
    for (int i = 0; i < definition_count(); ++i) {
        const Definition* d = definition_at(i);
        if (d->broken == nullptr && OidIsValid(d->accessor) && d->owner != d->declared_owner) {
            names = lappend(names, pstrdup(d->name));
        }
    }
    if (names == NIL) return;
    connect_spi();
    ListCell* cell;
    foreach (cell, names) {
        const char* name = static_cast<char*>(lfirst(cell));
        // The trigger on the table looks up what the row names.
        run_as_owner(definition_table(),
                     psprintf("UPDATE %s SET functions = functions WHERE name "
                              "OPERATOR(pg_catalog.=) $1",
                              in_internals("cache_definition")),
                     1, &name);
    }
    SPI_finish();
}

// One privilege list of the script (sql/parts/definitions.sql), from one role to another.
void move_privileges(const char* what, Oid from, Oid to) {
    const char* old_role = quote_identifier(GetUserNameFromId(from, false));
    run_as_owner(definition_table(), psprintf("REVOKE %s FROM %s", what, old_role), 0, nullptr);
    const char* new_role = quote_identifier(GetUserNameFromId(to, false));
    run_as_owner(definition_table(), psprintf("GRANT %s TO %s", what, new_role), 0, nullptr);
}

void move_grants(Oid from, Oid to) {
    CommandCounterIncrement();
    connect_spi();
    // As if he had created the extension: pg_dump is not to take it for a GRANT of his own.
    const bool upgrading = binary_upgrade_record_init_privs;
    binary_upgrade_record_init_privs = true;
    PG_TRY();
    {
        move_privileges(psprintf("SELECT, INSERT ON %s, %s", in_internals("cache_definition"),
                                 in_internals("cache_dependency")),
                        from, to);
        move_privileges(psprintf("SELECT, USAGE, UPDATE ON SEQUENCE %s",
                                 in_internals("cache_dependency_id_seq")),
                        from, to);
    }
    PG_FINALLY();
    { binary_upgrade_record_init_privs = upgrading; }
    PG_END_TRY();
    SPI_finish();
}

void utility(PlannedStmt* statement, const char* query, bool read_only_tree,
             ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment* environment,
             DestReceiver* receiver, QueryCompletion* completion) {
    const bool owners = changes_owners(statement->utilityStmt);
    // Before the accessor is locked, which DROP EXTENSION asks for later.
    if (owners) keep_extension();
    const bool all = IsA(statement->utilityStmt, ReassignOwnedStmt);
    const Oid owner = all && definitions_ready() ? extension_owner() : InvalidOid;
    previous_hook(statement, query, read_only_tree, context, parameters, environment, receiver,
                  completion);
    if (owners) remember_owners();
    if (!OidIsValid(owner) || !definitions_ready()) return;
    const Oid now = extension_owner();
    if (now != owner) move_grants(owner, now);
}

}  // namespace

void install_new_owners() {
    previous_hook = ProcessUtility_hook != nullptr ? ProcessUtility_hook : standard_ProcessUtility;
    ProcessUtility_hook = utility;
}

}  // namespace cache_ext::pg
