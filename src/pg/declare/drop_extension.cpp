#include "pg/declare/drop_extension.hpp"

#include "pg/base/compat.hpp"
#include "pg/catalog/definitions.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
}

namespace cache_ext::pg {

Oid dropped_extension(Node* statement) {
    if (!IsA(statement, DropStmt)) return InvalidOid;
    auto* drop = reinterpret_cast<DropStmt*>(statement);
    const bool schema = drop->removeType == OBJECT_SCHEMA;
    if (!schema && drop->removeType != OBJECT_EXTENSION) return InvalidOid;
    const Oid extension = get_extension_oid("cache_ext", true);
    if (!OidIsValid(extension)) return InvalidOid;
    ListCell* cell;
    foreach (cell, drop->objects) {
        const char* name = strVal(lfirst(cell));
        if (!schema && strcmp(name, "cache_ext") == 0) {
            return object_ownercheck(ExtensionRelationId, extension, GetUserId()) ? extension
                                                                                  : InvalidOid;
        }
        const Oid dropped = schema ? get_namespace_oid(name, true) : InvalidOid;
        if (OidIsValid(dropped) && definitions_ready() && dropped == extension_schema()) {
            return object_ownercheck(NamespaceRelationId, dropped, GetUserId()) ? extension
                                                                                : InvalidOid;
        }
    }
    return InvalidOid;
}

}  // namespace cache_ext::pg
