// Statements and their hooks: what changes rows past triggers and old snapshots, which no message
// of the catalogs tells (catalog_changes.hpp has those), and what else has to be known in time.
#include "pg/declare/hooks.hpp"

#include "pg/write/changes.hpp"
#include "pg/declare/ddl.hpp"
#include "pg/ddl/harmless_ddl.hpp"
#include "pg/declare/leave_database.hpp"
#include "pg/write/own_ddl.hpp"
#include "pg/pool/keep_out.hpp"
#include "pg/write/relation_changes.hpp"
#include "pg/write/releases.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/survivors.hpp"
#include "pg/declare/drop_extension.hpp"
#include "pg/pool/dropped_work.hpp"
#include "pg/write/notices.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

ProcessUtility_hook_type previous_utility = nullptr;
object_access_hook_type previous_object_access = nullptr;

// Is the statement at hand one of our own?
bool own_statement = false;

Oid find(const RangeVar* name) {
    return name == nullptr ? InvalidOid : RangeVarGetRelid(name, NoLock, true);
}

bool copy_freezes(const CopyStmt* copy) {
    ListCell* cell;
    foreach (cell, copy->options) {
        auto* option = static_cast<DefElem*>(lfirst(cell));
        if (strcmp(option->defname, "freeze") == 0) return defGetBoolean(option);
    }
    return false;
}

// The relation whose rows the statement changes for old snapshots, too.
Oid rows_changed_for_all(Node* statement) {
    switch (nodeTag(statement)) {
        case T_RefreshMatViewStmt:
            return find(reinterpret_cast<RefreshMatViewStmt*>(statement)->relation);
        case T_CopyStmt: {
            auto* copy = reinterpret_cast<CopyStmt*>(statement);
            return copy->is_from && copy_freezes(copy) ? find(copy->relation) : InvalidOid;
        }
        default:
            return InvalidOid;
    }
}

void collect(Oid relation) {
    if (!OidIsValid(relation)) return;
    ListCell* cell;
    foreach (cell, find_all_inheritors(relation, NoLock, nullptr)) {
        collect_hard_relation(lfirst_oid(cell));
    }
}

struct Call {
    PlannedStmt* statement;
    const char* query;
    bool read_only_tree;
    ProcessUtilityContext context;
    ParamListInfo parameters;
    QueryEnvironment* environment;
    DestReceiver* receiver;
    QueryCompletion* completion;
};

pg_noinline void run(const Call& c) {
    (previous_utility != nullptr ? previous_utility : standard_ProcessUtility)(
        c.statement, c.query, c.read_only_tree, c.context, c.parameters, c.environment, c.receiver,
        c.completion);
}

pg_noinline void run_without_workers(const Call& c, Oid database) {
    const Node* node = c.statement->utilityStmt;
    const bool drops = IsA(node, DropdbStmt);
    keep_workers_out_of(database);
    run(c);
    if (drops) forget_database(database);
    note_databases_changed();
    if (drops) store().release_database(database);
}

// They give a table new storage with the same rows.
pg_noinline void run_rewrite(const Call& c) {
    const Node* node = c.statement->utilityStmt;
    const RangeVar* named = rewritten_table(node);
    const Oid relation = named != nullptr ? find(named) : InvalidOid;
    begin_harmless_rewrite(relation);
    PG_TRY();
    { run(c); }
    PG_FINALLY();
    { end_harmless_rewrite(); }
    PG_END_TRY();
    if (OidIsValid(relation) && IsTransactionState()) note_harmless_rewrite(relation);
}

// Statements that it runs in turn, in event triggers for one, are not our own.
pg_noinline void run_as(const Call& c, bool own) {
    const bool outer = own_statement;
    own_statement = own;
    PG_TRY();
    { run(c); }
    PG_FINALLY();
    { own_statement = outer; }
    PG_END_TRY();
}

void utility(PlannedStmt* statement, const char* query, bool read_only_tree,
             ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment* environment,
             DestReceiver* receiver, QueryCompletion* completion) {
    const Call call = {statement,  query,       read_only_tree, context,
                       parameters, environment, receiver,       completion};
    Node* node = statement->utilityStmt;
    if (!IsTransactionState()) {
        run(call);
        return;
    }
    const Oid leave = store_ready() ? database_to_leave(node) : InvalidOid;
    if (OidIsValid(leave)) {
        run_without_workers(call, leave);
        return;
    }
    if (IsA(node, TransactionStmt)) note_survivors();
    const bool ddl = GetCommandLogLevel(node) == LOGSTMT_DDL;
    if (ddl) note_ddl();
    const bool active = store_ready() && !RecoveryInProgress();
    if (is_rewrite(node)) {
        run_rewrite(call);
        return;
    }
    if (const Oid extension = active ? dropped_extension(node) : InvalidOid;
        OidIsValid(extension)) {
        hold_all_work();
        lock_extension(extension, AccessExclusiveLock);
    }
    const Oid changed = active ? rows_changed_for_all(node) : InvalidOid;
    collect(changed);
    run_as(call, take_own_ddl());
    if (IsTransactionState()) collect(changed);
    if (active && ddl && committing() && IsTransactionState()) register_late_ddl();
    if (IsA(node, AlterDatabaseStmt)) note_databases_changed();  // it may allow connections now
}

bool is_called(Oid relation, const char* name) {
    const char* own = get_rel_name(relation);
    return own != nullptr && strcmp(own, name) == 0;
}

void object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id,
                   void* argument) {
    if (previous_object_access != nullptr) {
        previous_object_access(access, class_id, object_id, sub_id, argument);
    }
    // Every call of a function in a query is one; it changes nothing.
    if (access == OAT_FUNCTION_EXECUTE || access == OAT_NAMESPACE_SEARCH) return;
    if (!store_ready() || RecoveryInProgress()) return;
    // Whatever takes the extension along, and whether or not its tables can still be read: it goes
    // after its members, which are locked by then.
    if (access == OAT_DROP && class_id == ExtensionRelationId &&
        object_id == get_extension_oid("cache_ext", true)) {
        note_ddl();
        note_schedule_change();
        release_database_at_commit();
    }
    if (access == OAT_POST_CREATE && class_id == ProcedureRelationId && own_statement) {
        note_own_function(object_id);
    }
    if (class_id != RelationRelationId) return;
    if (access != OAT_TRUNCATE && access != OAT_DROP) return;
    note_ddl();
    if (access == OAT_TRUNCATE) {
        collect_hard_relation(object_id);
        note_collected(object_id);
    }
    // Called before the catalogs change, so what was declared can still be read.
    if (access == OAT_DROP && is_called(object_id, "cache_definition") && definitions_ready() &&
        object_id == definition_table()) {
        note_schedule_change();
        for (int i = 0; i < definition_count(); ++i) {
            collect_whole(definition_at(i)->id, true);
            release_at_commit(definition_at(i)->id);
        }
    }
}

}  // namespace

void install_utility_hooks() {
    previous_utility = ProcessUtility_hook;
    ProcessUtility_hook = utility;
    previous_object_access = object_access_hook;
    object_access_hook = object_access;
}

}  // namespace cache_ext::pg
