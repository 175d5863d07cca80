#include "pg/catalog/virtual_columns.hpp"

#include "pg/base/compat.hpp"

extern "C" {
#include "access/relation.h"
#include "access/tupdesc.h"
#include "nodes/nodes.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace cache_ext::pg {
bool is_virtual(Oid relation, AttrNumber column) {
    return get_atttype(relation, column) != InvalidOid &&
           get_attgenerated(relation, column) == kGeneratedVirtual;
}

bool has_virtual_column(Oid relation) {
    Relation table = relation_open(relation, AccessShareLock);
    const TupleDesc desc = RelationGetDescr(table);
    bool found = false;
    for (int i = 0; i < desc->natts && !found; ++i) {
        const FormData_pg_attribute* attribute = TupleDescAttr(desc, i);
        found = !attribute->attisdropped && attribute->attgenerated == kGeneratedVirtual;
    }
    relation_close(table, AccessShareLock);
    return found;
}

Bitmapset* columns_behind(Oid relation, AttrNumber column) {
    Relation table = relation_open(relation, AccessShareLock);
    const TupleConstr* constraints = RelationGetDescr(table)->constr;
    Bitmapset* columns = nullptr;
    for (int i = 0; constraints != nullptr && i < constraints->num_defval; ++i) {
        if (constraints->defval[i].adnum != column) continue;
        pull_varattnos(static_cast<Node*>(stringToNode(constraints->defval[i].adbin)), 1, &columns);
    }
    relation_close(table, AccessShareLock);
    return columns;
}

}  // namespace cache_ext::pg
