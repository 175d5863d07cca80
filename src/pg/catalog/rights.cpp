#include "pg/catalog/rights.hpp"

#include "pg/base/compat.hpp"

extern "C" {
#include "catalog/pg_authid.h"
#include "catalog/pg_proc.h"
#include "utils/acl.h"
}

namespace cache_ext::pg {

void require_accessor(const Definition* d) {
    if (OidIsValid(d->accessor)) return;
    if (d->accessor_taken) {
        ereport(
            ERROR,
            (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
             errmsg("function cache_get_%s is not the one that cache \"%s\" was declared with",
                    d->name, d->name),
             errdetail("That one was dropped, and this one belongs to another role."),
             errhint("Declare the cache anew: cache_drop('%s'), then drop the function and call "
                     "cache_create.",
                     d->name)));
    }
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_FUNCTION),
             errmsg("the accessor of cache \"%s\" was dropped", d->name),
             errhint("Declare the cache anew: cache_drop('%s'), then cache_create.", d->name)));
}

void require_intact(const Definition* d) {
    if (d->broken == nullptr) return;
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                    errmsg("cache \"%s\" cannot be used: %s", d->name, d->broken),
                    errhint("Declare it anew: cache_drop('%s'), then cache_create.", d->name)));
}

void require_execute(const Definition* d) {
    const Oid user = GetUserId();
    const uint64 as_of = definitions_generation();  // what is heard of while asking comes after it
    if (d->session->executor == user && d->session->executor_as_of == as_of) return;
    require_accessor(d);
    require_intact(d);
    if (object_aclcheck(ProcedureRelationId, d->accessor, user, ACL_EXECUTE) != ACLCHECK_OK) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("permission denied for cache \"%s\"", d->name),
                        errhint("Reading it needs EXECUTE on function cache_get_%s.", d->name)));
    }
    d->session->executor = user;
    d->session->executor_as_of = as_of;
}

void require_owner(const Definition* d) {
    require_accessor(d);
    if (!object_ownercheck(ProcedureRelationId, d->accessor, GetUserId())) {
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("must be owner of cache \"%s\"", d->name),
                 errhint("The owner of a cache is the owner of function cache_get_%s.", d->name)));
    }
}

bool is_owners(const Definition* d) {
    // Without its accessor it is still the business of whoever declared it.
    const Oid owner = OidIsValid(d->accessor) ? d->owner : d->declared_owner;
    return OidIsValid(owner) && has_privs_of_role(GetUserId(), owner);
}

bool may_see(const Definition* d) {
    return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) || is_owners(d);
}

}  // namespace cache_ext::pg
