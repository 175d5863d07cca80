#include "pg/load/plain_casts.hpp"

#include "pg/load/plain_calls.hpp"

extern "C" {
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
}

namespace cache_ext::pg {

bool is_cast_plainly(Oid from, Oid to) {
    if (!is_plain_type(from) || !is_plain_type(to)) return false;
    if (from == to) return true;
    Oid function = InvalidOid;
    const CoercionPathType path = find_coercion_pathway(to, from, COERCION_PLPGSQL, &function);
    if (path == COERCION_PATH_ARRAYCOERCE) return false;
    return path != COERCION_PATH_FUNC || is_plain_function(function);
}

List* types_returned(const Query* query) {
    List* types = NIL;
    ListCell* cell;
    foreach (cell, query->targetList) {
        const auto* target = lfirst_node(TargetEntry, cell);
        if (!target->resjunk) {
            types = lappend_oid(types, exprType(reinterpret_cast<Node*>(target->expr)));
        }
    }
    return types;
}

}  // namespace cache_ext::pg
