#include "pg/leftovers.hpp"

#include "pg/ddl.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

constexpr char kGet[] = "cache_get_";
constexpr char kMany[] = "cache_get_many_";

bool begins_with(const char* name, const char* prefix) {
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

// Functions that go with the extension without being its members: Oids.
List* functions_of_caches() {
    List* all = NIL;
    Relation relation = table_open(DependRelationId, AccessShareLock);
    ScanKeyData keys[2];
    ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(ExtensionRelationId));
    ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(extension_oid()));
    SysScanDesc scan = systable_beginscan(relation, DependReferenceIndexId, true, nullptr, 2, keys);
    for (HeapTuple t = systable_getnext(scan); HeapTupleIsValid(t); t = systable_getnext(scan)) {
        auto* depend = reinterpret_cast<Form_pg_depend>(GETSTRUCT(t));
        if (depend->classid == ProcedureRelationId &&
            depend->deptype == DEPENDENCY_AUTO_EXTENSION) {
            all = lappend_oid(all, depend->objid);
        }
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return all;
}

}  // namespace

bool has_left_accessor(const char* name) {
    if (!definitions_ready()) return false;
    const char* accessor = psprintf("%s%s", kGet, name);
    CatCList* list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(accessor));
    Oid found = InvalidOid;
    for (int i = 0; i < list->n_members; ++i) {
        auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(&list->members[i]->tuple));
        if (proc->pronamespace == extension_schema()) found = proc->oid;
    }
    ReleaseSysCacheList(list);
    return OidIsValid(found) && depends_on_extension(found);
}

List* left_accessors(bool all) {
    List* names = NIL;
    if (!definitions_ready()) return NIL;
    ListCell* cell;
    foreach (cell, functions_of_caches()) {
        HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(lfirst_oid(cell)));
        if (!HeapTupleIsValid(tuple)) continue;
        auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
        const char* function = pstrdup(NameStr(proc->proname));
        const bool ours = proc->pronamespace == extension_schema() && begins_with(function, kGet) &&
                          !begins_with(function, kMany);
        const bool seen = all || has_privs_of_role(GetUserId(), proc->proowner);
        ReleaseSysCache(tuple);
        if (!ours || !seen) continue;
        const char* name = function + strlen(kGet);
        if (find_definition(name) == nullptr) names = lappend(names, const_cast<char*>(name));
    }
    return names;
}

bool drop_left_function(Oid function) {
    if (!depends_on_extension(function) || !pg_proc_ownercheck(function, GetUserId())) return false;
    const char* signature = format_procedure_qualified(function);
    drop_object(ProcedureRelationId, function);
    ereport(NOTICE, (errmsg("function %s is replaced", signature),
                     errdetail("It was left from a cache that was not declared any more."),
                     errhint("GRANT EXECUTE on it again to whoever may read the cache.")));
    return true;
}

void drop_left_dependencies(const char* name) {
    const uint64 n = run_as_owner(dependency_table(),
                                  psprintf("DELETE FROM %s WHERE cache OPERATOR(pg_catalog.=) $1",
                                           in_internals("cache_dependency")),
                                  1, &name);
    if (n == 0) return;
    ereport(NOTICE, (errmsg("dependencies that were left from a cache \"%s\" are forgotten", name),
                     errhint("Declare them again with cache_invalidate_on.")));
}

}  // namespace cache_ext::pg
