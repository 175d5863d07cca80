#include "pg/catalog/collations.hpp"

extern "C" {
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

bool collatable(Oid type) {
    switch (type) {
        case TEXTOID:
        case VARCHAROID:
        case BPCHAROID:
        case NAMEOID:
            return true;
        case BOOLOID:
        case INT2OID:
        case INT4OID:
        case INT8OID:
        case DATEOID:
        case TIMESTAMPOID:
        case TIMESTAMPTZOID:
        case NUMERICOID:
        case JSONBOID:
        case UUIDOID:
            return false;
        default:
            return OidIsValid(get_typcollation(type));
    }
}

// Of an expression; DEFAULT_COLLATION_OID: nothing in particular.
Oid collation_of(const Node* node) {
    const Oid collation = exprCollation(node);
    return OidIsValid(collation) ? collation : DEFAULT_COLLATION_OID;
}

List* arguments_of(const Node* call) {
    if (call == nullptr) return NIL;
    if (IsA(call, FuncExpr)) return reinterpret_cast<const FuncExpr*>(call)->args;
    if (IsA(call, OpExpr)) return reinterpret_cast<const OpExpr*>(call)->args;
    return NIL;
}

}  // namespace

Oid natural_collation(int columns, const Oid* types) {
    // That of name and what is made of it beats the default.
    const auto* end = types + columns;
    const auto* own = std::find_if(types, end, [](Oid type) {
        return collatable(type) && get_typcollation(type) != DEFAULT_COLLATION_OID;
    });
    return own == end ? DEFAULT_COLLATION_OID : get_typcollation(*own);
}

bool has_own_collation(FunctionCallInfo fcinfo, int first_key, const Definition* d,
                       Oid* collation) {
    if (d->loader_name == nullptr ||
        std::none_of(d->key_types, d->key_types + d->columns, collatable)) {
        return false;
    }
    const List* arguments = arguments_of(fcinfo->flinfo->fn_expr);
    Oid found = DEFAULT_COLLATION_OID;
    bool conflict = false;
    for (int i = first_key; i < list_length(arguments); ++i) {
        const int column = i - first_key;
        const bool one_array = get_fn_expr_variadic(fcinfo->flinfo);
        if (!one_array && (column >= d->columns || !collatable(d->key_types[column]))) continue;
        const auto* argument = static_cast<const Node*>(list_nth(arguments, i));
        // A name given by name becomes a text, whose collation is a text's.
        if (!one_array && exprType(argument) != d->key_types[column] &&
            exprType(argument) == NAMEOID) {
            continue;
        }
        const Oid of_key = collation_of(argument);
        // One that was chosen beats the default.
        if (of_key == DEFAULT_COLLATION_OID || of_key == found) continue;
        conflict = conflict || found != DEFAULT_COLLATION_OID;
        found = of_key;
    }
    if (found == d->loader_collation && !conflict) return false;
    if (found == DEFAULT_COLLATION_OID) return false;  // a literal, of the key's own type
    *collation = conflict ? InvalidOid : found;
    return true;
}

}  // namespace cache_ext::pg
