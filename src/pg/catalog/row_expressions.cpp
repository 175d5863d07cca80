#include "pg/catalog/row_expressions.hpp"

#include <cstring>

#include "pg/base/compat.hpp"
#include "pg/catalog/key_types.hpp"
#include "pg/catalog/virtual_columns.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

struct Search {
    Oid relation;
    ExpressionFault fault;
};

bool found(Search* search, const char* why, const char* hint) {
    search->fault = {why, hint};
    return true;
}

// Types whose values are nothing but values: no names of objects, no rows, no rules of somebody's.
// (What a domain's column holds is of its base type.)
bool is_plain(Oid type) {
    type = getBaseType(type);
    const Oid element = get_element_type(type);
    if (OidIsValid(element)) return is_plain(element);
    return (key_type_supported(type) && type != MONEYOID) || type == JSONOID;
}

// Is its text the same whatever the session has set?
bool has_one_text(Oid type) {
    switch (getBaseType(type)) {
        case BOOLOID:
        case INT2OID:
        case INT4OID:
        case INT8OID:
        case NUMERICOID:
        case TEXTOID:
        case VARCHAROID:
        case BPCHAROID:
        case NAMEOID:
        case UUIDOID:
            return true;
        default:
            return false;
    }
}

// IMMUTABLE by name. The first looks at quote_all_identifiers, the others at default conversions,
// which anybody can create.
bool looks_around(Oid function) {
    switch (function) {
        case F_QUOTE_IDENT:
        case F_CONVERT:
        case F_CONVERT_FROM:
        case F_CONVERT_TO:
            return true;
        default:
            return false;
    }
}

bool is_own_function(Oid function, void* context) {
    auto* search = static_cast<Search*>(context);
    HeapTuple tuple = function < FirstGenbkiObjectId
                          ? SearchSysCache1(PROCOID, ObjectIdGetDatum(function))
                          : nullptr;
    if (!HeapTupleIsValid(tuple)) {
        return found(search, "it calls a function that is not PostgreSQL's own",
                     "Use built-in functions and operators, or keep what it computes in a "
                     "generated column (STORED).");
    }
    const auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    const bool immutable = proc->provolatile == PROVOLATILE_IMMUTABLE;
    const bool internal = proc->prolang == INTERNALlanguageId && !proc->proretset;
    ReleaseSysCache(tuple);
    if (!immutable) {
        return found(search, "it is not IMMUTABLE",
                     "Use IMMUTABLE functions only: a date of a timestamptz, for instance, is "
                     "(at AT TIME ZONE 'UTC')::date.");
    }
    if (internal && !looks_around(function)) return false;
    return found(search, "it calls a function that depends on more than its arguments",
                 "Keep what it computes in a generated column (STORED).");
}

bool takes_zone(const FuncExpr* f) {
    bool zoned = f->funcresulttype == TIMESTAMPTZOID || f->funcresulttype == TIMETZOID;
    ListCell* cell;
    foreach (cell, f->args) {
        const Oid type = exprType(static_cast<Node*>(lfirst(cell)));
        zoned = zoned || type == TIMESTAMPTZOID || type == TIMETZOID;
    }
    return zoned;
}

// Abbreviations of zones mean what timezone_abbreviations says. No full name but these two is one.
bool is_full_name(const Node* zone) {
    const auto* c = reinterpret_cast<const Const*>(zone);
    if (!IsA(zone, Const) || c->constisnull) return false;
    const char* name = TextDatumGetCString(c->constvalue);
    return strchr(name, '/') != nullptr || pg_strcasecmp(name, "UTC") == 0 ||
           pg_strcasecmp(name, "GMT") == 0;
}

// The last text that such a function takes is the name of a zone.
bool names_no_zone(const FuncExpr* f) {
    if (!takes_zone(f)) return false;
    const Node* zone = nullptr;
    ListCell* cell;
    foreach (cell, f->args) {
        auto* argument = static_cast<Node*>(lfirst(cell));
        if (exprType(argument) == TEXTOID) zone = argument;
    }
    return zone != nullptr && !is_full_name(zone);
}

bool check(Node* node, void* context);

bool check_children(Node* node, Search* search) {
    return expression_tree_walker(node, tree_walker(check), search);
}

bool check_column(const Var* var, Search* search) {
    if (var->varno != 1 || var->varlevelsup != 0 || var->varattno <= 0) {
        return found(search, "it reads the row as a whole, or a system column",
                     "Name columns of the relation.");
    }
    return is_virtual(search->relation, var->varattno) &&
           found(search, "it reads a virtual generated column, which no changed row holds",
                 "Name the columns that it is generated from, or make it STORED.");
}

bool check(Node* node, void* context) {
    auto* search = static_cast<Search*>(context);
    if (node == nullptr) return false;
    switch (nodeTag(node)) {
        case T_List:
        case T_CaseWhen:
            return check_children(node, search);
        case T_Var:
            if (check_column(reinterpret_cast<Var*>(node), search)) return true;
            break;
        case T_FuncExpr:
            if (names_no_zone(reinterpret_cast<FuncExpr*>(node))) {
                return found(search, "it has a time zone that is no constant full name",
                             "Give the name as in 'Europe/Berlin' or 'UTC': what abbreviations "
                             "mean is a setting.");
            }
            break;
        case T_CoerceViaIO: {
            const auto* c = reinterpret_cast<CoerceViaIO*>(node);
            if (!has_one_text(exprType(reinterpret_cast<Node*>(c->arg))) ||
                !has_one_text(c->resulttype)) {
                return found(search, "it has a cast by way of text that depends on settings",
                             "Texts of integers, numeric, boolean and uuid do not.");
            }
            return !is_plain(c->resulttype) || check_children(node, search);
        }
        case T_Const:
        case T_OpExpr:
        case T_DistinctExpr:
        case T_NullIfExpr:
        case T_ScalarArrayOpExpr:
        case T_BoolExpr:
        case T_RelabelType:
        case T_CollateExpr:
        case T_ArrayExpr:
        case T_CaseExpr:
        case T_CaseTestExpr:
        case T_CoalesceExpr:
        case T_MinMaxExpr:
        case T_NullTest:
        case T_BooleanTest:
            break;
        case T_SubLink:
            return found(search, "it has a subquery in it", "It may only read the row.");
        case T_Aggref:
        case T_WindowFunc:
            return found(search, "it has an aggregate in it",
                         "A measure is one aggregate of an expression over the row.");
        default:
            return found(search,
                         "it has something else in it than columns, constants, operators "
                         "and functions",
                         "Keep what it computes in a generated column (STORED).");
    }
    if (!is_plain(exprType(node))) {
        return found(search, psprintf("it has values of type %s", format_type_be(exprType(node))),
                     "Use numbers, texts, dates and times, uuid, boolean, enums, and the like.");
    }
    return check_functions_in_node(node, is_own_function, search) || check_children(node, search);
}

}  // namespace

ExpressionFault fault_of_row_expression(Node* expression, Oid relation) {
    Search search = {relation, {nullptr, nullptr}};
    // What a function's defaults add, and what SQL functions are made of, counts, too; so does what
    // constants are folded from.
    if (!check(expression, &search)) {
        check(reinterpret_cast<Node*>(
                  expression_planner(reinterpret_cast<Expr*>(copyObjectImpl(expression)))),
              &search);
    }
    return search.fault;
}

}  // namespace cache_ext::pg
