// Which roles a change of privileges or memberships concerns, and in which databases these act.
//
// Loaders, and the functions and views below them, run as owners of objects: of accessors, of
// SECURITY DEFINER functions, of views. So a change that concerns only roles which own nothing in
// a database, and of which no owner is a member, changes nothing there. Superusers pass every
// check of privileges.
#pragma once

#include "pg/ddl/catalog_rows.hpp"

extern "C" {
#include "utils/acl.h"
#include "utils/hsearch.h"
}

namespace cache_ext::pg {

struct Roles {
    Sides* sides;
    HTAB* members;         // who is a member of which role, loaded when first needed
    bool final;            // others are told before it is asked who owns what (ddl_writers.hpp)
    int plain_owner_here;  // is there an owner in this database who is no superuser? -1: not asked
    bool readers;          // some privileges have changed, be they nobody's who owns anything
    bool all_readers;      // or memberships, or attributes of roles
};

// Does it matter to some owner in this database, or in the one given, which of the two an object's
// privileges are? NULL: the default of such an object.
bool privileges_matter(Roles* roles, HeapTuple before, HeapTuple after, TupleDesc desc,
                       AttrNumber column, ObjectType type, Oid owner, Oid database = InvalidOid);

// Databases in which the role, or a member of it, owns something; `owners` narrows it to roles that
// privileges mean something to. *everywhere: in all, or it cannot be said.
List* databases_of_role(Roles* roles, Oid role, bool skip_superusers, bool* everywhere);

// The databases that this transaction's changes of memberships concern.
List* databases_of_memberships(Roles* roles, bool* everywhere);
// The same for ALTER ROLE ... SET and ALTER DATABASE ... SET.
List* databases_of_settings(Roles* roles, bool* everywhere);

}  // namespace cache_ext::pg
