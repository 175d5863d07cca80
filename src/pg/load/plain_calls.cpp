#include "pg/load/plain_calls.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/extension.hpp"
#include "pg/base/memory.hpp"
#include "pg/load/reads.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace cache_ext::pg {
namespace {

constexpr int kMostNested = 16;  // types in types

bool contains(const char* text, const char* part) {
    return strstr(text, part) != nullptr;
}

// Of the server's own, those that run a query, or functions of a type or table that they are told
// of by name or number: nobody sees that type. And what gives the names behind it another meaning.
bool runs_others(const char* name) {
    static constexpr const char* kNames[] = {"ts_stat",           "ts_rewrite",
                                             "pg_input_is_valid", "pg_input_error_info",
                                             "array_in",          "domain_in",
                                             "record_in",         "range_in",
                                             "multirange_in",     "satisfies_hash_partition",
                                             "set_config"};
    for (const char* other : kNames) {
        if (strcmp(name, other) == 0) return true;
    }
    return contains(name, "_to_xml");
}

bool is_unseen(Oid function, void*) {
    return !is_plain_function(function);
}

bool is_plain_at(Oid type, int depth);

bool check_is_not_plain(Node* node, void*) {
    if (node == nullptr) return false;
    if (!is_plain_node(node) || IsA(node, SubLink)) return true;
    return expression_tree_walker(node, tree_walker(check_is_not_plain), nullptr);
}

bool has_plain_checks(Oid domain) {
    if (!DomainHasConstraints(domain)) return true;
    // The context calls back when it goes, so this may not lie on the stack.
    auto* ref = make<DomainConstraintRef>();
    InitDomainConstraintRef(domain, ref, CurrentMemoryContext, false);
    ListCell* cell;
    foreach (cell, ref->constraints) {
        auto* constraint = static_cast<DomainConstraintState*>(lfirst(cell));
        if (check_is_not_plain(reinterpret_cast<Node*>(constraint->check_expr), nullptr)) {
            return false;
        }
    }
    return true;
}

bool has_plain_columns(Oid row_type, int depth) {
    TupleDesc row = lookup_rowtype_tupdesc_copy(row_type, -1);
    for (int i = 0; i < row->natts; ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(row, i);
        if (!column->attisdropped && !is_plain_at(column->atttypid, depth)) return false;
    }
    return true;
}

// Arrays, rows and GREATEST compare and hash by what the type's default operator classes name.
bool is_compared_plainly(Oid type) {
    const TypeCacheEntry* t = lookup_type_cache(
        type, TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR | TYPECACHE_GT_OPR | TYPECACHE_CMP_PROC |
                  TYPECACHE_HASH_PROC | TYPECACHE_HASH_EXTENDED_PROC);
    for (const Oid used :
         {t->eq_opr, t->lt_opr, t->gt_opr, t->cmp_proc, t->hash_proc, t->hash_extended_proc}) {
        if (used >= FirstNormalObjectId) return false;
    }
    return true;
}

// to_json() and its like cast what is not the server's own, and so does quote_literal().
bool is_written_plainly(Oid type) {
    if (type < FirstNormalObjectId) return true;
    for (const Oid to : {JSONOID, JSONBOID, TEXTOID}) {
        Oid function = InvalidOid;
        if (find_coercion_pathway(to, type, COERCION_EXPLICIT, &function) == COERCION_PATH_FUNC &&
            !is_plain_function(function)) {
            return false;
        }
    }
    return true;
}

bool is_plain_at(Oid type, int depth) {
    CHECK_FOR_INTERRUPTS();
    if (!OidIsValid(type) || depth > kMostNested) return false;
    const char kind = get_typtype(type);
    if (kind == TYPTYPE_PSEUDO) return type < FirstNormalObjectId;
    if (!is_compared_plainly(type) || !is_written_plainly(type)) return false;
    switch (kind) {
        case TYPTYPE_ENUM:
            return true;
        case TYPTYPE_DOMAIN:
            return is_plain_at(getBaseType(type), depth + 1) && has_plain_checks(type);
        case TYPTYPE_COMPOSITE:
            return has_plain_columns(type, depth + 1);
        case TYPTYPE_BASE: {
            const Oid element = get_element_type(type);  // of an array
            return OidIsValid(element) ? is_plain_at(element, depth + 1)
                                       : type < FirstNormalObjectId;
        }
        default:
            return type < FirstNormalObjectId;
    }
}

}  // namespace

bool is_plain_function(Oid function) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return false;
    const auto* form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    const char* name = NameStr(form->proname);
    bool plain = false;
    if (function < FirstNormalObjectId) {
        plain = !runs_others(name);
    } else if (form->prolang == ClanguageId && strcmp(name, "cache_fetch") == 0) {
        // Nobody else can make anything there.
        plain = form->pronamespace == get_namespace_oid(kInternalSchema, true);
    } else {
        plain = is_valid_until(tuple);
    }
    ReleaseSysCache(tuple);
    return plain;
}

bool is_plain_type(Oid type) {
    return is_plain_at(type, 0);
}

bool is_plain_node(Node* node) {
    switch (nodeTag(node)) {
        // Have no type, or one that what is below them has, or one of the server's.
        case T_List:
        case T_TargetEntry:
        case T_NamedArgExpr:
        case T_BoolExpr:
        case T_GroupingFunc:
        case T_CaseWhen:
        case T_NullTest:
        case T_BooleanTest:
        case T_CollateExpr:
        case T_SubLink:
            return true;
        case T_Var:
        case T_Const:
        case T_Param:
        case T_Aggref:
        case T_WindowFunc:
        case T_SubscriptingRef:
        case T_FuncExpr:
        case T_OpExpr:
        case T_DistinctExpr:
        case T_NullIfExpr:
        case T_ScalarArrayOpExpr:
        case T_FieldSelect:
        case T_RelabelType:
        case T_ArrayCoerceExpr:
        case T_CaseExpr:
        case T_CaseTestExpr:
        case T_ArrayExpr:
        case T_CoalesceExpr:
        case T_MinMaxExpr:
        case T_SQLValueFunction:
        case T_CoerceToDomain:
        case T_CoerceToDomainValue:
            break;
        case T_CoerceViaIO:  // calls what its type and that of what is below it are read and shown
                             // by
            return is_plain_type(exprType(node));
        case T_SortGroupClause: {
            const auto* clause = reinterpret_cast<SortGroupClause*>(node);
            return clause->eqop < FirstNormalObjectId && clause->sortop < FirstNormalObjectId;
        }
        case T_RowExpr: {
            const Oid type = reinterpret_cast<RowExpr*>(node)->row_typeid;
            return type == RECORDOID || is_plain_type(type);
        }
        default:
            return false;
    }
    return is_plain_type(exprType(node)) && !check_functions_in_node(node, is_unseen, nullptr);
}

bool are_plain_sort_clauses(List* clauses) {
    ListCell* cell;
    foreach (cell, clauses) {
        if (!is_plain_node(static_cast<Node*>(lfirst(cell)))) return false;
    }
    return true;
}

}  // namespace cache_ext::pg
