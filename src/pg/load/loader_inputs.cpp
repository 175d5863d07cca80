#include "pg/load/loader_inputs.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/apart.hpp"
#include "pg/base/memory.hpp"
#include "pg/catalog/vary_by.hpp"
#include "pg/load/environment.hpp"
#include "pg/load/loader_queries.hpp"
#include "pg/load/reads.hpp"

extern "C" {
#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/regproc.h"
}

namespace cache_ext::pg {
namespace {

struct Search {
    List* found;  // of TextInput*
    List* known;  // Oids: functions that were looked at, or are to be
};

bool is_somebodys(Oid function) {
    return function >= FirstGenbkiObjectId &&
           !OidIsValid(getExtensionOfObject(ProcedureRelationId, function));
}

void add(Search* search, InputKind kind, const char* name, Oid function = InvalidOid) {
    ListCell* cell;
    foreach (cell, search->found) {
        const auto* other = static_cast<const TextInput*>(lfirst(cell));
        if (other->kind == kind && strcmp(other->name, name) == 0) return;
    }
    auto* input = make<TextInput>();
    *input = {kind, pstrdup(name), is_somebodys(function) ? function : InvalidOid};
    search->found = lappend(search->found, input);
}

// The server's own that look at the clock of the transaction; those that look at the real one are
// VOLATILE.
bool tells_time(Oid function) {
    switch (function) {
        case F_NOW:
        case F_TRANSACTION_TIMESTAMP:
        case F_STATEMENT_TIMESTAMP:
        case F_AGE_TIMESTAMP:
        case F_AGE_TIMESTAMPTZ:
            return true;
        default:
            return false;
    }
}

bool note_function(Oid function, void* argument) {
    auto* search = static_cast<Search*>(argument);
    if (tells_time(function)) {
        add(search, InputKind::kTime, format_procedure(function));
    } else if (function == F_CURRENT_USER) {
        add(search, InputKind::kRole, format_procedure(function));
    } else if (function == F_SESSION_USER) {
        add(search, InputKind::kSessionRole, format_procedure(function));
    } else if (harm_of(function) == core::Bypass::kVolatileFunction) {
        add(search, InputKind::kVolatileFunction, format_procedure(function), function);
    }
    if (function >= FirstGenbkiObjectId) {
        search->known = list_append_unique_oid(search->known, function);
    }
    return false;
}

void note_value_function(Search* search, const SQLValueFunction* function) {
    switch (function->op) {
        case SVFOP_CURRENT_DATE:
            add(search, InputKind::kTime, "CURRENT_DATE");
            break;
        case SVFOP_CURRENT_TIME:
        case SVFOP_CURRENT_TIME_N:
            add(search, InputKind::kTime, "CURRENT_TIME");
            break;
        case SVFOP_CURRENT_TIMESTAMP:
        case SVFOP_CURRENT_TIMESTAMP_N:
            add(search, InputKind::kTime, "CURRENT_TIMESTAMP");
            break;
        case SVFOP_LOCALTIME:
        case SVFOP_LOCALTIME_N:
            add(search, InputKind::kTime, "LOCALTIME");
            break;
        case SVFOP_LOCALTIMESTAMP:
        case SVFOP_LOCALTIMESTAMP_N:
            add(search, InputKind::kTime, "LOCALTIMESTAMP");
            break;
        case SVFOP_CURRENT_ROLE:
        case SVFOP_CURRENT_USER:
        case SVFOP_USER:
            add(search, InputKind::kRole, "CURRENT_USER");
            break;
        case SVFOP_SESSION_USER:
            add(search, InputKind::kSessionRole, "SESSION_USER");
            break;
        case SVFOP_CURRENT_CATALOG:
        case SVFOP_CURRENT_SCHEMA:
            break;
    }
}

// The setting's name, if the text says it.
void note_setting(Search* search, const FuncExpr* call) {
    auto* name = static_cast<Node*>(linitial(call->args));
    const bool said = IsA(name, Const) && !reinterpret_cast<Const*>(name)->constisnull;
    add(search, InputKind::kSetting,
        said ? TextDatumGetCString(reinterpret_cast<Const*>(name)->constvalue)
             : "a setting whose name is computed");
}

bool walk(Node* node, void* argument) {
    auto* search = static_cast<Search*>(argument);
    if (node == nullptr) return false;
    if (IsA(node, Query)) {
        return query_tree_walker(reinterpret_cast<Query*>(node), tree_walker(walk), argument, 0);
    }
    if (IsA(node, SQLValueFunction)) {
        note_value_function(search, reinterpret_cast<SQLValueFunction*>(node));
    } else if (IsA(node, FuncExpr)) {
        const auto* call = reinterpret_cast<const FuncExpr*>(node);
        if (call->funcid == F_CURRENT_SETTING_TEXT || call->funcid == F_CURRENT_SETTING_TEXT_BOOL) {
            note_setting(search, call);
        }
    }
    check_functions_in_node(node, note_function, argument);
    return expression_tree_walker(node, tree_walker(walk), argument);
}

}  // namespace

const char* input_kind_name(InputKind kind) {
    switch (kind) {
        case InputKind::kTime:
            return "time";
        case InputKind::kSetting:
            return "setting";
        case InputKind::kRole:
        case InputKind::kSessionRole:
            return "role";
        case InputKind::kVolatileFunction:
            break;
    }
    return "function";
}

bool is_in_key(const Definition* d, const TextInput& input) {
    if (input.kind == InputKind::kRole) return d->as_reader;
    for (int i = 0; i < d->input_count; ++i) {
        const SessionInput named = checked_input(d->inputs[i]);
        if (input.kind == InputKind::kSessionRole && named.session_user) return true;
        if (input.kind == InputKind::kSetting && named.kind == SessionInput::Kind::kSetting &&
            pg_strcasecmp(named.setting, input.name) == 0) {
            return true;
        }
    }
    return false;
}

List* inputs_by_text(const Definition* d) {
    Search search = {NIL, NIL};
    for (const Oid function : {d->loader, d->load_many, d->load_all}) {
        if (OidIsValid(function)) search.known = list_append_unique_oid(search.known, function);
    }
    as_owner_of(d, [&] {
        // Functions are added while it goes.
        for (int i = 0; i < list_length(search.known); ++i) {
            const Oid next = list_nth_oid(search.known, i);
            List* queries = NIL;
            if (apart([&] { queries = queries_found_in(next); })) {
                walk(reinterpret_cast<Node*>(queries), &search);
            }
        }
    });
    return search.found;
}

}  // namespace cache_ext::pg
