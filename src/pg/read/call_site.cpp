#include "pg/read/call_site.hpp"

#include "pg/catalog/collations.hpp"
#include "pg/catalog/rights.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

constexpr int kName = 1;

// exprType without a call for what keys mostly are.
Oid type_of(const Node* node) {
    switch (nodeTag(node)) {
        case T_Param:
            return reinterpret_cast<const Param*>(node)->paramtype;
        case T_Var:
            return reinterpret_cast<const Var*>(node)->vartype;
        case T_Const:
            return reinterpret_cast<const Const*>(node)->consttype;
        default:
            return exprType(node);
    }
}

// Asked once per execution of a statement, so get_fn_expr_rettype and its like come second.
bool fits(FunctionCallInfo fcinfo, int first_key, bool arrays, const Definition* d) {
    if (PG_NARGS() - first_key != d->columns) return false;
    const Node* call = fcinfo->flinfo->fn_expr;
    const bool plain = call != nullptr && IsA(call, FuncExpr);
    const auto* f = reinterpret_cast<const FuncExpr*>(call);
    if ((plain ? f->funcresulttype : get_fn_expr_rettype(fcinfo->flinfo)) != d->value_type) {
        return false;
    }
    for (int i = 0; i < d->columns; ++i) {
        const int argument = first_key + i;
        const Oid type = plain && argument < list_length(f->args)
                             ? type_of(static_cast<const Node*>(list_nth(f->args, argument)))
                             : get_fn_expr_argtype(fcinfo->flinfo, argument);
        if ((arrays ? get_element_type(type) : type) != d->key_types[i]) return false;
    }
    return true;
}

}  // namespace

void find_called(FunctionCallInfo fcinfo, int first_key, bool arrays, const char* accessor,
                 CallSite* out) {
    if (PG_ARGISNULL(kName)) {
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("cache name must not be null")));
    }
    forget_unused_definitions();
    const text* name = PG_GETARG_TEXT_PP(kName);
    const Definition* d =
        require_definition(VARDATA_ANY(name), static_cast<size_t>(VARSIZE_ANY_EXHDR(name)));
    // Definitions that were out of date as soon as they had been read hold for this call only.
    out->generation = definitions_known() ? definitions_generation() : 0;
    out->definition = d;
    out->user = GetUserId();
    if (!fits(fcinfo, first_key, arrays, d)) {
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("call does not match the declaration of cache \"%s\"", d->name),
                        errhint("Use the function %s%s.", accessor, d->name)));
    }
    // The body of cache_get_many_<name> has a collation of its own already.
    out->own_collation = !arrays && has_own_collation(fcinfo, first_key, d, &out->collation);
    require_execute(d);
}

bool names_constant_cache(FunctionCallInfo fcinfo) {
    return get_fn_expr_arg_stable(fcinfo->flinfo, kName);
}

}  // namespace cache_ext::pg
