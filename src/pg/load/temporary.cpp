#include "pg/load/temporary.hpp"

#include "pg/base/compat.hpp"
#include "pg/load/run.hpp"

#include <climits>
#include <cstdlib>

extern "C" {
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/planner.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"
}

namespace cache_ext::pg {
namespace {

planner_hook_type previous_planner = nullptr;
ExecutorStart_hook_type previous_start = nullptr;
object_access_hook_type previous_object_access = nullptr;
GucStringCheckHook previous_check = nullptr;

// This transaction has touched temporary relations outside of the run at hand.
bool touched_before = false;

Oid temporary_schema() {
    Oid schema, toast;
    GetTempNamespaceState(&schema, &toast);
    return schema;
}

bool has_to_be_hidden() {
    return inside_run() && OidIsValid(temporary_schema());
}

[[noreturn]] void refuse(const char* kind, const char* name) {
    mark_run(core::Bypass::kTemporary);
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                    errmsg("%s %s is temporary, and a loader does not see temporary objects", kind,
                           quote_identifier(name != nullptr ? name : "")),
                    errhint("A value is for all sessions, a temporary object belongs to one.")));
    pg_unreachable();
}

void check_relation(Oid relation) {
    if (get_rel_persistence(relation) == RELPERSISTENCE_TEMP) {
        refuse("relation", get_rel_name(relation));
    }
}

void check_function(Oid function) {
    if (get_func_namespace(function) == temporary_schema()) {
        refuse("function", get_func_name(function));
    }
}

void check_type(Oid type) {
    HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
    if (!HeapTupleIsValid(tuple)) return;
    const auto* form = reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple));
    if (form->typnamespace == temporary_schema()) refuse("type", NameStr(form->typname));
    ReleaseSysCache(tuple);
}

bool check_called(Oid function, void*) {
    check_function(function);
    return false;
}

// Before anything of the query runs: the planner itself calls functions whose arguments it knows.
bool check_node(Node* node, void* context) {
    if (node == nullptr) return false;
    if (IsA(node, Query)) {
        auto* query = reinterpret_cast<Query*>(node);
        ListCell* cell;
        foreach (cell, query->rtable) {
            const auto* entry = static_cast<RangeTblEntry*>(lfirst(cell));
            if (OidIsValid(entry->relid)) check_relation(entry->relid);
        }
        return query_tree_walker(query, tree_walker(check_node), context, 0);
    }
    check_functions_in_node(node, check_called, nullptr);
    switch (nodeTag(node)) {
        case T_CoerceToDomain:
        case T_CoerceViaIO:
        case T_RelabelType:
        case T_Const:
        case T_RowExpr:
            check_type(exprType(node));
            break;
        default:
            break;
    }
    return expression_tree_walker(node, tree_walker(check_node), context);
}

// 19 hands over more.
template <class... More>
PlannedStmt* plan(Query* query, const char* text, int options, ParamListInfo parameters,
                  More... more) {
    if (has_to_be_hidden()) check_node(reinterpret_cast<Node*>(query), nullptr);
    return previous_planner != nullptr
               ? previous_planner(query, text, options, parameters, more...)
               : standard_planner(query, text, options, parameters, more...);
}

// A plan that was made before, outside of a loader.
void start(QueryDesc* query, int flags) {
    if (has_to_be_hidden()) {
        ListCell* cell;
        foreach (cell, query->plannedstmt->rtable) {
            const auto* entry = static_cast<RangeTblEntry*>(lfirst(cell));
            // A child of a table that was named asks for nothing, and nor does it have a say.
            if (OidIsValid(entry->relid) && asks_for_rights(entry)) {
                check_relation(entry->relid);
            }
        }
    }
    if (previous_start != nullptr) {
        previous_start(query, flags);
    } else {
        standard_ExecutorStart(query, flags);
    }
}

// Called when an expression that calls the function is made ready.
void object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id,
                   void* argument) {
    if (previous_object_access != nullptr) {
        previous_object_access(access, class_id, object_id, sub_id, argument);
    }
    if (access == OAT_FUNCTION_EXECUTE && has_to_be_hidden()) check_function(object_id);
}

// What a search path gets that a loader sets. Nobody writes it like that, so it can be told from
// what the loader has set.
constexpr char kLast[] = ", \"pg_temp\"";

// Is pg_temp the last schema, and only that?
bool temporary_last(const char* search_path) {
    List* schemas;
    if (!SplitIdentifierString(pstrdup(search_path), ',', &schemas)) return true;  // an error
    for (int i = 0; i < list_length(schemas); ++i) {
        const bool temporary = strcmp(static_cast<char*>(list_nth(schemas, i)), "pg_temp") == 0;
        if (temporary != (i == list_length(schemas) - 1)) return false;
    }
    return list_length(schemas) > 0;
}

// A loader's own search path must not put them first either, which it does by not naming pg_temp.
bool check_search_path(char** value, void** extra, GucSource source) {
    if (*value != nullptr && inside_run() && !temporary_last(*value)) {
        const char* path = without_temporary_schemas(*value);
        const auto rest = static_cast<int>(strlen(path) - strlen("pg_temp"));
        const bool alone = rest == 0;
        char* hiding =
            guc_strdup(LOG, alone ? kLast + 2 : psprintf("%.*s%s", rest - 2, path, kLast));
        if (hiding == nullptr) return false;
        guc_free(*value);
        *value = hiding;
    }
    return previous_check == nullptr || previous_check(value, extra, source);
}

// As the loader has set it.
const char* show_search_path() {
    const char* path = namespace_search_path;
    const size_t length = strlen(path), added = strlen(kLast);
    if (!inside_run()) return path;
    if (strcmp(path, kLast + 2) == 0) return "";
    if (length <= added || strcmp(path + length - added, kLast) != 0) return path;
    return pnstrdup(path, length - added);
}

}  // namespace

const char* without_temporary_schemas(const char* search_path) {
    List* schemas;
    if (!SplitIdentifierString(pstrdup(search_path), ',', &schemas)) return search_path;
    StringInfoData path;
    initStringInfo(&path);
    ListCell* cell;
    foreach (cell, schemas) {
        const char* schema = static_cast<char*>(lfirst(cell));
        if (strcmp(schema, "pg_temp") == 0) continue;
        appendStringInfo(&path, "%s, ", quote_identifier(schema));
    }
    appendStringInfoString(&path, "pg_temp");
    return path.data;
}

void forget_temporary_access(bool nested) {
    // Plans that the session has made under the path of a run may name temporary objects. Others
    // are made anew, as their path is another one.
    if (!nested && OidIsValid(temporary_schema()) && temporary_last(namespace_search_path)) {
        ResetPlanCache();
    }
    if ((MyXactFlags & XACT_FLAGS_ACCESSEDTEMPNAMESPACE) == 0) return;
    if (nested) mark_run(core::Bypass::kTemporary);
    touched_before = true;
    MyXactFlags &= ~XACT_FLAGS_ACCESSEDTEMPNAMESPACE;
}

bool touched_temporary(bool nested) {
    const bool touched = (MyXactFlags & XACT_FLAGS_ACCESSEDTEMPNAMESPACE) != 0;
    touched_before = touched_before || touched;
    temporary_access_after_abort(INT_MAX, nested);
    return touched;
}

void temporary_access_after_abort(int level, bool nested) {
    if (level == 0) {
        touched_before = false;
    } else if (nested) {
        MyXactFlags &= ~XACT_FLAGS_ACCESSEDTEMPNAMESPACE;
    } else if (touched_before) {
        MyXactFlags |= XACT_FLAGS_ACCESSEDTEMPNAMESPACE;
    }
}

void install_temporary_hooks() {
    previous_planner = planner_hook;
    planner_hook = plan;
    previous_start = ExecutorStart_hook;
    ExecutorStart_hook = start;
    previous_object_access = object_access_hook;
    object_access_hook = object_access;
    config_generic* setting = find_setting("search_path");
    if (setting == nullptr || setting->vartype != PGC_STRING) return;
    config_string& path = string_of(setting);
    previous_check = path.check_hook;
    path.check_hook = check_search_path;
    path.show_hook = show_search_path;  // it has none of its own
}

}  // namespace cache_ext::pg
