#include "pg/catalog/vary_by.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/expression_text.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

constexpr const char* kLanguage =
    "It is made of current_setting('app.name', true), current_user, session_user, constants, and "
    "operators, casts and IMMUTABLE functions of PostgreSQL's own on plain values.";

[[noreturn]] void refuse(const char* why) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("vary_by of a cache cannot be made of %s", why), errhint("%s", kLanguage)));
    pg_unreachable();
}

// Types whose values are nothing but values: no name of an object, no row, no type of somebody's.
bool plain_type(Oid type) {
    switch (type) {
        case BOOLOID:
        case INT2OID:
        case INT4OID:
        case INT8OID:
        case NUMERICOID:
        case FLOAT8OID:
        case TEXTOID:
        case VARCHAROID:
        case BPCHAROID:
        case NAMEOID:
        case UUIDOID:
        case JSONOID:
        case JSONBOID:
        case BYTEAOID:
        case DATEOID:
        case TEXTARRAYOID:
        case INT4ARRAYOID:
            return true;
        default:
            return false;
    }
}

bool system_name(List* name) {
    return list_length(name) == 1 ||
           (list_length(name) == 2 && strcmp(strVal(linitial(name)), "pg_catalog") == 0);
}

void check_call(const FuncCall* f) {
    if (f->agg_order != NIL || f->agg_filter != nullptr || f->over != nullptr ||
        f->agg_within_group || f->agg_star || f->agg_distinct || f->func_variadic) {
        refuse("aggregates or window functions");
    }
    if (!system_name(f->funcname)) refuse("functions of somebody's own");
}

// Before names are resolved: a constant of a type is read by the type's functions while it is.
bool check_parsed(Node* node, void* context) {
    if (node == nullptr) return false;
    switch (nodeTag(node)) {
        case T_List:
        case T_A_Const:
        case T_TypeCast:
        case T_A_ArrayExpr:
        case T_BoolExpr:
        case T_NullTest:
        case T_BooleanTest:
        case T_CaseExpr:
        case T_CaseWhen:
        case T_CoalesceExpr:
        case T_MinMaxExpr:
        case T_SQLValueFunction:
            break;
        case T_A_Expr:
            if (!system_name(reinterpret_cast<A_Expr*>(node)->name)) {
                refuse("operators of somebody's own");
            }
            break;
        case T_FuncCall:
            check_call(reinterpret_cast<FuncCall*>(node));
            break;
        case T_TypeName: {
            auto* type = reinterpret_cast<TypeName*>(node);
            if (!system_name(type->names) || type->pct_type ||
                !plain_type(typenameTypeId(nullptr, type))) {
                refuse("casts to other types than those of plain values");
            }
            return false;
        }
        case T_ColumnRef:
            refuse("columns");
        case T_ParamRef:
            refuse("parameters");
        case T_SubLink:
            refuse("subqueries");
        default:
            refuse("this kind of expression");
    }
    return raw_expression_tree_walker(node, tree_walker(check_parsed), context);
}

// The name of the setting that a call asks for.
const char* asked_setting(const FuncExpr* f, bool* missing_ok) {
    auto* name = static_cast<Node*>(linitial(f->args));
    auto* missing = list_length(f->args) > 1 ? static_cast<Node*>(lsecond(f->args)) : nullptr;
    const auto is_known = [](const Node* n) {
        return IsA(n, Const) && !reinterpret_cast<const Const*>(n)->constisnull;
    };
    if (!is_known(name) || (missing != nullptr && !is_known(missing))) {
        refuse("settings whose names are not constants");
    }
    char* asked = TextDatumGetCString(reinterpret_cast<Const*>(name)->constvalue);
    if (!is_custom_setting(asked)) refuse("other settings than custom ones, as in app.name");
    *missing_ok = missing != nullptr && DatumGetBool(reinterpret_cast<Const*>(missing)->constvalue);
    return asked;
}

bool asks_for_setting(Oid function) {
    return function == F_CURRENT_SETTING_TEXT || function == F_CURRENT_SETTING_TEXT_BOOL;
}

// For check_functions_in_node: true for one that is not harmless. Those that are take plain values
// only, so they cannot be told of an object to look at.
bool harmful(Oid function, void*) {
    if (asks_for_setting(function)) return false;
    if (function >= FirstGenbkiObjectId) return true;
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return true;
    const auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    bool good = proc->prolang == INTERNALlanguageId && proc->prokind == PROKIND_FUNCTION &&
                !proc->proretset && proc->provolatile == PROVOLATILE_IMMUTABLE;
    for (int i = 0; i < proc->pronargs; ++i) {
        good = good && plain_type(proc->proargtypes.values[i]);
    }
    ReleaseSysCache(tuple);
    return !good;
}

// What the names mean. A cast by way of text needs no look at the functions of its types.
bool check_analysed(Node* node, void* context) {
    if (node == nullptr) return false;
    switch (nodeTag(node)) {
        case T_List:
        case T_CaseWhen:
            return expression_tree_walker(node, tree_walker(check_analysed), context);
        case T_FuncExpr: {
            bool missing_ok;
            auto* f = reinterpret_cast<FuncExpr*>(node);
            if (asks_for_setting(f->funcid)) asked_setting(f, &missing_ok);
            break;
        }
        case T_SQLValueFunction:
            switch (reinterpret_cast<SQLValueFunction*>(node)->op) {
                case SVFOP_CURRENT_ROLE:
                case SVFOP_CURRENT_USER:
                case SVFOP_USER:
                    break;
                case SVFOP_SESSION_USER:
                    static_cast<SessionInput*>(context)->tells_session = true;
                    break;
                default:
                    refuse("the time, the database or the schema");
            }
            break;
        case T_Const:
        case T_OpExpr:
        case T_DistinctExpr:
        case T_NullIfExpr:
        case T_ScalarArrayOpExpr:
        case T_BoolExpr:
        case T_RelabelType:
        case T_CoerceViaIO:
        case T_ArrayExpr:
        case T_CaseExpr:
        case T_CaseTestExpr:
        case T_CoalesceExpr:
        case T_MinMaxExpr:
        case T_NullTest:
        case T_BooleanTest:
            break;
        default:
            refuse("this kind of expression");
    }
    if (!plain_type(exprType(node))) refuse("other types than those of plain values");
    if (!IsA(node, CoerceViaIO) && check_functions_in_node(node, harmful, context)) {
        refuse("functions that are not IMMUTABLE, or not on plain values");
    }
    return expression_tree_walker(node, tree_walker(check_analysed), context);
}

// The expression alone: no FROM, no WHERE, nothing behind it.
Node* parsed(const char* text) {
    Node* expression = one_expression(text);
    if (expression == nullptr) refuse("anything but an expression");
    return expression;
}

// Texts mean the same in every session.
void read_as_everywhere() {
    constexpr const char* kReading[][2] = {{"search_path", "pg_catalog, pg_temp"},
                                           {"standard_conforming_strings", "on"},
                                           {"backslash_quote", "safe_encoding"},
                                           {"transform_null_equals", "off"}};
    for (const auto& setting : kReading) {
        set_config_option(setting[0], setting[1], PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
                          0, false);
    }
}

void say_where(void* text) {
    point_into(static_cast<const char*>(text));
    errcontext("vary_by expression \"%s\"", static_cast<const char*>(text));
}

SessionInput analysed(const char* text) {
    Node* raw = parsed(text);
    check_parsed(raw, nullptr);
    ParseState* state = make_parsestate(nullptr);
    Node* expression = transformExpr(state, raw, EXPR_KIND_FUNCTION_DEFAULT);
    SessionInput input = {SessionInput::Kind::kExpression, nullptr, false, false, false, nullptr};
    if (IsA(expression, SQLValueFunction)) {
        input.session_user =
            reinterpret_cast<SQLValueFunction*>(expression)->op == SVFOP_SESSION_USER;
        if (!input.session_user) input.kind = SessionInput::Kind::kUser;
    }
    Node* as_text = coerce_to_target_type(state, expression, exprType(expression), TEXTOID, -1,
                                          COERCION_EXPLICIT, COERCE_IMPLICIT_CAST, -1);
    if (as_text == nullptr) refuse("what has no text");
    assign_expr_collations(state, as_text);
    check_analysed(as_text, &input);
    if (IsA(as_text, FuncExpr) && asks_for_setting(reinterpret_cast<FuncExpr*>(as_text)->funcid)) {
        input.kind = SessionInput::Kind::kSetting;
        input.setting = asked_setting(reinterpret_cast<FuncExpr*>(as_text), &input.missing_ok);
    }
    free_parsestate(state);
    input.expression = reinterpret_cast<Expr*>(as_text);
    return input;
}

// Moves on behind a word, or a sign, and the blanks behind it.
bool skip(const char** at, const char* word) {
    const size_t size = strlen(word);
    if (pg_strncasecmp(*at, word, size) != 0) return false;
    *at += size;
    *at += strspn(*at, " \t\n");
    return true;
}

}  // namespace

bool is_custom_setting(const char* name) {
    bool dots = false, begins = true;
    for (const char* c = name; *c != '\0'; ++c) {
        const bool letter = isalpha(static_cast<unsigned char>(*c)) != 0 || *c == '_';
        const bool inner = isdigit(static_cast<unsigned char>(*c)) != 0 || *c == '$';
        if (*c == '.') {
            if (begins) return false;
            dots = begins = true;
        } else {
            if (!letter && (begins || !inner)) return false;
            begins = false;
        }
    }
    return dots && !begins && pg_strncasecmp(name, "cache_ext.", strlen("cache_ext.")) != 0;
}

bool is_plain_input(const char* text) {
    const char* at = text + strspn(text, " \t\n");
    if (skip(&at, "current_user")) return *at == '\0';
    if (!skip(&at, "current_setting") || !skip(&at, "(") || *at != '\'') return false;
    const char* end = strchr(at + 1, '\'');
    if (end == nullptr || !is_custom_setting(pnstrdup(at + 1, static_cast<Size>(end - at - 1)))) {
        return false;
    }
    at = end;
    skip(&at, "'");
    if (skip(&at, ",") && !skip(&at, "true")) return false;
    return skip(&at, ")") && *at == '\0';
}

SessionInput checked_input(const char* text) {
    ErrorContextCallback context = {error_context_stack, say_where, const_cast<char*>(text)};
    error_context_stack = &context;
    const int nest = NewGUCNestLevel();
    read_as_everywhere();
    const SessionInput input = analysed(text);
    AtEOXact_GUC(true, nest);
    error_context_stack = context.previous;
    return input;
}

List* option_texts(Datum array, const char* option) {
    ArrayType* a = DatumGetArrayTypeP(array);
    if (ARR_NDIM(a) > 1) {
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                        errmsg("%s must have one dimension", option)));
    }
    if (array_contains_nulls(a)) {
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("%s must not contain nulls", option)));
    }
    Datum* texts;
    bool* nulls;
    int count;
    deconstruct_array(a, TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &count);
    if (count > kMaxSessionInputs) {
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("%s has at most %d elements", option, kMaxSessionInputs)));
    }
    List* list = NIL;
    for (int i = 0; i < count; ++i) list = lappend(list, TextDatumGetCString(texts[i]));
    return list;
}

}  // namespace cache_ext::pg
