#include "pg/base/extension.hpp"

#include "pg/base/functions.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

Extension used = {};  // all 0: not installed, or not known
bool known = false;

// All 0: there is no such extension. *version, if it is asked for: of its SQL objects.
FormData_pg_extension row_of_extension(Oid extension, char (*version)[64] = nullptr) {
    FormData_pg_extension row = {};
    Relation relation = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(extension));
    SysScanDesc scan = systable_beginscan(relation, ExtensionOidIndexId, true, nullptr, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    if (HeapTupleIsValid(tuple)) {
        row = *reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple));
        bool null;
        const Datum name =
            heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(relation), &null);
        if (version != nullptr) strlcpy(*version, TextDatumGetCString(name), sizeof(*version));
    }
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return row;
}

// A schema of that name that is not the extension's was there before it, or is somebody else's.
Oid internals_of(Oid extension) {
    const Oid schema = get_namespace_oid(kInternalSchema, true);
    return OidIsValid(schema) && getExtensionOfObject(NamespaceRelationId, schema) == extension
               ? schema
               : InvalidOid;
}

const Extension& installed() {
    // Messages may arrive meanwhile that make it unknown again.
    for (int i = 0; !known && i < 5; ++i) {
        used = {};
        known = true;
        Extension found;
        if (find_extension(&found)) used = found;
        if (OidIsValid(used.oid) && !is_known_version(used.version)) used.oid = InvalidOid;
    }
    if (!OidIsValid(used.oid)) {
        if (used.version[0] != '\0') report_version(ERROR, used.version);
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("extension cache_ext is not installed in this database"),
                        errhint("CREATE EXTENSION cache_ext;")));
    }
    return used;
}

}  // namespace

bool find_extension(Extension* out) {
    *out = {};
    out->oid = get_extension_oid("cache_ext", true);
    if (OidIsValid(out->oid)) out->schema = row_of_extension(out->oid, &out->version).extnamespace;
    const Oid internals = OidIsValid(out->schema) ? internals_of(out->oid) : InvalidOid;
    if (!OidIsValid(internals)) return false;
    out->definition_table = get_relname_relid("cache_definition", internals);
    out->dependency_table = get_relname_relid("cache_dependency", internals);
    out->invalidate_trigger = find_function(internals, "cache_invalidate_trigger", 0, nullptr);
    return OidIsValid(out->definition_table) && OidIsValid(out->dependency_table);
}

bool is_known_version(const char* version) {
    for (const char* known : {CACHE_EXT_VERSIONS}) {
        if (strcmp(known, version) == 0) return true;
    }
    return false;
}

void report_version(int level, const char* version) {
    const bool known = is_known_version(version);
    ereport(
        level,
        (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
         known ? errmsg("the tables of extension cache_ext are not those of version %s", version)
               : errmsg("extension cache_ext is of version %s in this database, which its "
                        "library, of version %s, does not know",
                        version, CACHE_EXT_VERSION),
         errdetail("Nothing is cached here: reads of caches fail, and whatever is written "
                   "invalidates them all."),
         errhint("Restart the server if its library was updated since it started; then run "
                 "ALTER EXTENSION cache_ext UPDATE.")));
}

void use_extension(const Extension& extension) {
    used = extension;
    known = true;
}

void forget_extension() {
    known = false;
}

bool is_own_table(Oid relation) {
    return OidIsValid(relation) &&
           (relation == used.definition_table || relation == used.dependency_table);
}

Oid extension_oid() {
    return installed().oid;
}
Oid extension_owner() {
    return row_of_extension(installed().oid).extowner;
}
Oid extension_schema() {
    return installed().schema;
}
Oid definition_table() {
    return installed().definition_table;
}
Oid dependency_table() {
    return installed().dependency_table;
}
Oid invalidate_trigger() {
    return installed().invalidate_trigger;
}

char* in_extension(const char* name) {
    return quote_qualified_identifier(get_namespace_name(extension_schema()), name);
}

char* in_internals(const char* name) {
    return quote_qualified_identifier(kInternalSchema, name);
}

void depend_on_extension(Oid class_id, Oid object_id) {
    ObjectAddress object, extension;
    ObjectAddressSet(object, class_id, object_id);
    ObjectAddressSet(extension, ExtensionRelationId, extension_oid());
    recordDependencyOn(&object, &extension, DEPENDENCY_AUTO_EXTENSION);
}

bool depends_on_extension(Oid function) {
    return list_member_oid(getAutoExtensionsOfObject(ProcedureRelationId, function),
                           extension_oid());
}

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

bool is_function_of_cache(const char* name) {
    CatCList* list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
    Oid found = InvalidOid;
    for (int i = 0; i < list->n_members; ++i) {
        auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(&list->members[i]->tuple));
        if (proc->pronamespace == extension_schema()) found = proc->oid;
    }
    ReleaseSysCacheList(list);
    return OidIsValid(found) && depends_on_extension(found);
}

}  // namespace cache_ext::pg
