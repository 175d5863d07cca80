// Statements that change what even older snapshots read, so that agreement about writers is not
// enough: they register as hard writers. And those that need a database without our workers in it.
#include "pg/hooks.hpp"

#include "pg/changes.hpp"
#include "pg/ddl.hpp"
#include "pg/pool.hpp"
#include "pg/shared.hpp"
#include "pg/survivors.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/syscache.h"
#include "utils/lsyscache.h"
#include "utils/catcache.h"
#include "utils/acl.h"
}

namespace cache_ext::pg {
namespace {

ProcessUtility_hook_type previous_utility = nullptr;
object_access_hook_type previous_object_access = nullptr;

// What a statement concerns.
struct Effect {
    bool database;    // every cache of this database
    bool rows;        // those whose values may contain rows
    List* relations;  // Oids: these, and their partitions and children
};

void add_relation(Effect* effect, RangeVar* name) {
    if (name == nullptr) return;
    const Oid relation = RangeVarGetRelid(name, NoLock, true);
    if (!OidIsValid(relation)) return;
    if (get_rel_relkind(relation) == RELKIND_VIEW) {
        effect->database = true;  // who reads it is not known
        return;
    }
    effect->relations =
        list_concat_unique_oid(effect->relations, find_all_inheritors(relation, NoLock, nullptr));
}

// A new relation that hides one of the same name from a search path.
void add_new_relation(Effect* effect, const RangeVar* name) {
    if (name == nullptr || name->relpersistence == RELPERSISTENCE_TEMP) return;
    CatCList* others = SearchSysCacheList1(RELNAMENSP, CStringGetDatum(name->relname));
    effect->database |= others->n_members > 0;
    ReleaseSysCacheList(others);
}

void create_table(const CreateStmt* create, Effect* effect) {
    // A new partition or child belongs to what its parents' readers see.
    ListCell* cell;
    foreach (cell, create->inhRelations) {
        add_relation(effect, static_cast<RangeVar*>(lfirst(cell)));
    }
    add_new_relation(effect, create->relation);
}

bool copy_freezes(const CopyStmt* copy) {
    ListCell* cell;
    foreach (cell, copy->options) {
        auto* option = static_cast<DefElem*>(lfirst(cell));
        if (strcmp(option->defname, "freeze") == 0) return defGetBoolean(option);
    }
    return false;
}

void alter_table(const AlterTableStmt* alter, Effect* effect) {
    if (alter->objtype == OBJECT_VIEW || alter->objtype == OBJECT_TYPE) {
        effect->database = true;
        return;
    }
    if (alter->objtype != OBJECT_TABLE && alter->objtype != OBJECT_FOREIGN_TABLE &&
        alter->objtype != OBJECT_MATVIEW) {
        return;
    }
    add_relation(effect, alter->relation);
    effect->rows = true;
    ListCell* cell;
    foreach (cell, alter->cmds) {
        auto* command = static_cast<AlterTableCmd*>(lfirst(cell));
        if (command->def != nullptr && IsA(command->def, PartitionCmd)) {
            add_relation(effect, reinterpret_cast<PartitionCmd*>(command->def)->name);
        }
    }
}

Effect effect_of(Node* statement) {
    Effect effect = {};
    switch (nodeTag(statement)) {
        case T_AlterTableStmt:
            alter_table(reinterpret_cast<AlterTableStmt*>(statement), &effect);
            break;
        case T_RefreshMatViewStmt:
            add_relation(&effect, reinterpret_cast<RefreshMatViewStmt*>(statement)->relation);
            break;
        case T_CopyStmt: {
            auto* copy = reinterpret_cast<CopyStmt*>(statement);
            if (copy->is_from && copy_freezes(copy)) add_relation(&effect, copy->relation);
            break;
        }
        case T_CreateStmt:
            create_table(reinterpret_cast<CreateStmt*>(statement), &effect);
            break;
        case T_CreateForeignTableStmt:
            create_table(&reinterpret_cast<CreateForeignTableStmt*>(statement)->base, &effect);
            break;
        case T_CreateTableAsStmt:
            add_new_relation(&effect, reinterpret_cast<CreateTableAsStmt*>(statement)->into->rel);
            break;
        case T_RenameStmt: {
            auto* rename = reinterpret_cast<RenameStmt*>(statement);
            if (rename->renameType == OBJECT_TABLE || rename->renameType == OBJECT_COLUMN) {
                add_relation(&effect, rename->relation);
                if (rename->renameType == OBJECT_TABLE) effect.database = true;
            } else if (rename->renameType != OBJECT_DATABASE && rename->renameType != OBJECT_ROLE &&
                       rename->renameType != OBJECT_INDEX) {
                effect.database = true;
            }
            break;
        }
        case T_ViewStmt:
            effect.database = reinterpret_cast<ViewStmt*>(statement)->replace;
            add_new_relation(&effect, reinterpret_cast<ViewStmt*>(statement)->view);
            break;
        case T_DefineStmt:
        case T_CreateDomainStmt:
        case T_CreateEnumStmt:
        case T_CreateRangeStmt:
        case T_CompositeTypeStmt:
        case T_CreateFunctionStmt:  // an overload changes what a call means, too
        case T_AlterFunctionStmt:
        case T_AlterObjectSchemaStmt:
        case T_AlterOwnerStmt:
        case T_AlterTypeStmt:
        case T_AlterEnumStmt:
        case T_AlterDomainStmt:
        case T_AlterOperatorStmt:
        case T_AlterTSConfigurationStmt:
        case T_AlterTSDictionaryStmt:
        case T_CreatePolicyStmt:
        case T_AlterPolicyStmt:
        case T_RuleStmt:
        case T_CreateCastStmt:
        case T_DropOwnedStmt:
        case T_ReassignOwnedStmt:
            effect.database = true;
            break;
        case T_GrantStmt: {
            // What a loader's owner may no longer read must not be served any more.
            auto* grant = reinterpret_cast<GrantStmt*>(statement);
            effect.database = !grant->is_grant && grant->targtype == ACL_TARGET_OBJECT;
            break;
        }
        case T_DropStmt: {
            // Whatever may have hidden another of its name. Tables are noticed one by one as they
            // go (object_access), whoever drops them.
            const ObjectType type = reinterpret_cast<DropStmt*>(statement)->removeType;
            effect.database = type != OBJECT_TABLE && type != OBJECT_INDEX &&
                              type != OBJECT_SEQUENCE && type != OBJECT_TRIGGER &&
                              type != OBJECT_MATVIEW && type != OBJECT_FOREIGN_TABLE &&
                              type != OBJECT_EVENT_TRIGGER && type != OBJECT_PUBLICATION &&
                              type != OBJECT_STATISTIC_EXT;
            break;
        }
        default:
            break;
    }
    return effect;
}

// The database that nobody may be connected to for this statement, or InvalidOid.
Oid database_to_leave(Node* statement) {
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

void collect(const Effect& effect) {
    if (effect.database) collect_hard_database();
    if (effect.rows) collect_hard_rows();
    ListCell* cell;
    foreach (cell, effect.relations) collect_hard_relation(lfirst_oid(cell));
}

void run(PlannedStmt* statement, const char* query, bool read_only_tree,
         ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment* environment,
         DestReceiver* receiver, QueryCompletion* completion) {
    if (previous_utility != nullptr) {
        previous_utility(statement, query, read_only_tree, context, parameters, environment,
                         receiver, completion);
    } else {
        standard_ProcessUtility(statement, query, read_only_tree, context, parameters, environment,
                                receiver, completion);
    }
}

void utility(PlannedStmt* statement, const char* query, bool read_only_tree,
             ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment* environment,
             DestReceiver* receiver, QueryCompletion* completion) {
    Node* node = statement->utilityStmt;
    const Oid leave = shared_ready() && IsTransactionState() ? database_to_leave(node) : InvalidOid;
    // Whoever may not run the statement has no say about our workers.
    const bool may_run =
        OidIsValid(leave) &&
        (pg_database_ownercheck(leave, GetUserId()) ||
         (IsA(node, CreatedbStmt) && is_template(leave) && may_create_databases()));
    if (may_run) {
        PG_TRY();
        {
            keep_workers_out_of(leave);
            run(statement, query, read_only_tree, context, parameters, environment, receiver,
                completion);
            if (IsA(node, DropdbStmt)) forget_database(leave);
        }
        PG_FINALLY();
        { let_workers_into(leave); }
        PG_END_TRY();
        note_databases_changed();
        if (IsA(node, DropdbStmt)) store().release_database(leave);
        return;
    }
    if (IsA(node, TransactionStmt) && IsTransactionState()) note_survivors();
    if (IsTransactionState() && GetCommandLogLevel(node) == LOGSTMT_DDL) note_ddl();
    Effect effect = {};
    const bool look = shared_ready() && IsTransactionState() && !RecoveryInProgress();
    // A new accessor changes nothing for the caches that exist.
    if (!take_own_ddl() && look) effect = effect_of(node);
    // Before, too: afterwards a child that has left its parent is nobody's business any more, and
    // DETACH PARTITION CONCURRENTLY commits in between.
    collect(effect);
    run(statement, query, read_only_tree, context, parameters, environment, receiver, completion);
    if (IsTransactionState()) collect(effect);
    if (IsA(node, AlterDatabaseStmt)) note_databases_changed();  // it may allow connections now
}

void object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id,
                   void* argument) {
    if (previous_object_access != nullptr) {
        previous_object_access(access, class_id, object_id, sub_id, argument);
    }
    if (!shared_ready() || RecoveryInProgress()) return;
    // Whatever takes the extension along, and whether or not its tables can still be read: it goes
    // after its members, which are locked by then.
    if (access == OAT_DROP && class_id == ExtensionRelationId &&
        object_id == get_extension_oid("cache_ext", true)) {
        note_ddl();
        note_schedule_change();
        release_database_at_commit();
    }
    if (class_id != RelationRelationId) return;
    if (access != OAT_TRUNCATE && access != OAT_DROP) return;
    note_ddl();
    // Called before the catalogs change, so what depends on the relation can still be read.
    collect_hard_relation(object_id);
    if (access == OAT_TRUNCATE) note_collected(object_id);
    if (access == OAT_DROP && definitions_ready() && object_id == definition_table()) {
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
