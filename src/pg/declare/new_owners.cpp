// A definition remembers whose its accessor is (trusted_functions.hpp). ALTER FUNCTION ... OWNER
// and REASSIGN OWNED make it another role's by right: that is remembered, too, as after pg_upgrade
// the owner is all that tells the function from another one of its name.
#include "pg/declare/new_owners.hpp"

#include "pg/declare/ddl.hpp"
#include "pg/catalog/definitions.hpp"
#include "pg/base/spi.hpp"

extern "C" {
#include "access/xact.h"
#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
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

void utility(PlannedStmt* statement, const char* query, bool read_only_tree,
             ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment* environment,
             DestReceiver* receiver, QueryCompletion* completion) {
    const bool owners = changes_owners(statement->utilityStmt);
    // Before the accessor is locked, which DROP EXTENSION asks for later.
    if (owners) keep_extension();
    previous_hook(statement, query, read_only_tree, context, parameters, environment, receiver,
                  completion);
    if (owners) remember_owners();
}

}  // namespace

void install_new_owners() {
    previous_hook = ProcessUtility_hook != nullptr ? ProcessUtility_hook : standard_ProcessUtility;
    ProcessUtility_hook = utility;
}

}  // namespace cache_ext::pg
