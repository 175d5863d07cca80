#include "pg/base/functions.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {

Oid find_function(Oid schema, const char* name, int arguments, const Oid* types) {
    return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
                           PointerGetDatum(buildoidvector(types, arguments)),
                           ObjectIdGetDatum(schema));
}

Oid owner_of_function(Oid function) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return InvalidOid;
    const Oid owner = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->proowner;
    ReleaseSysCache(tuple);
    return owner;
}

void lock_function(Oid function) {
    LockDatabaseObject(ProcedureRelationId, function, 0, AccessShareLock);
    if (SearchSysCacheExists1(PROCOID, ObjectIdGetDatum(function))) return;
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                    errmsg("function with OID %u does not exist", function)));
}

}  // namespace cache_ext::pg
