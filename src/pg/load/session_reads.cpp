#include "pg/load/session_reads.hpp"

#include "pg/base/compat.hpp"
#include "pg/load/hidden_settings.hpp"
#include "pg/load/plan_expressions.hpp"
#include "pg/load/session_inputs.hpp"
#include "pg/load/session_settings.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
}

namespace cache_ext::pg {
namespace {

// The first thing met is the one that is told.
void note(Oid function, const char* setting) {
    Load* load = innermost_load;
    if (load->asks_of_session) return;
    load->setting = setting == nullptr ? nullptr : MemoryContextStrdup(load->context, setting);
    load->asks_of_session = true;
    load->asked = function;
}

bool is_session_user(Oid function, void*) {
    return function == F_SESSION_USER;
}

bool walk(Node* node, void* argument) {
    const auto* d = static_cast<const Definition*>(argument);
    if (node == nullptr) return false;
    bool asks_user = false;
    if (IsA(node, SQLValueFunction)) {
        asks_user = reinterpret_cast<SQLValueFunction*>(node)->op == SVFOP_SESSION_USER;
    } else if (IsA(node, FuncExpr)) {
        const auto* call = reinterpret_cast<const FuncExpr*>(node);
        if (asks_for_setting(call->funcid) && is_unnamed_setting(d, asked_setting(call))) {
            note(call->funcid, asked_setting(call));
        }
        asks_user = is_session_user(call->funcid, nullptr);
    }
    if (asks_user && is_unnamed_session_user(d)) note(F_SESSION_USER, nullptr);
    return expression_tree_walker(node, tree_walker(walk), argument);
}

}  // namespace

bool asks_for_setting(Oid function) {
    return function == F_CURRENT_SETTING_TEXT || function == F_CURRENT_SETTING_TEXT_BOOL;
}

const char* asked_setting(const FuncExpr* call) {
    auto* name = static_cast<Node*>(linitial(call->args));
    if (!IsA(name, Const) || reinterpret_cast<Const*>(name)->constisnull) return nullptr;
    return TextDatumGetCString(reinterpret_cast<Const*>(name)->constvalue);
}

bool is_unnamed_setting(const Definition* d, const char* name) {
    if (said_same_for_all(d, name)) return false;
    if (name == nullptr) return true;
    return left_to_session(name) || (is_applications(name) && !tells_setting(d, name));
}

bool is_unnamed_session_user(const Definition* d) {
    return !tells_session_user(d);
}

void note_show(const char* name) {
    if (!inside_load()) return;
    const bool all = pg_strcasecmp(name, "all") == 0;
    if (is_unnamed_setting(innermost_load->definition, all ? nullptr : name)) {
        note(F_CURRENT_SETTING_TEXT, all ? nullptr : name);
    }
}

void note_session_reads(const PlannedStmt* statement) {
    const Definition* d = innermost_load->definition;
    if (innermost_load->asks_of_session) return;
    if (walk_plan(statement, walk, const_cast<Definition*>(d))) note(InvalidOid, nullptr);
}

}  // namespace cache_ext::pg
