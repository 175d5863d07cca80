// Whoever declares caches can create functions in the extension's schema. One that has the name of
// ours, or of an accessor of somebody else, could fit a call better than the one that was meant:
// cache_create('a', 'f(int)') means cache_create(text, text) as soon as there is one. So there are
// no overloads of these names, whoever tries.
#include "pg/reserved_names.hpp"

#include "pg/definition_rows.hpp"
#include "pg/trusted_functions.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {

namespace {

object_access_hook_type previous_hook = nullptr;

// A function as the hook finds it: the catalog has it, but this command does not see it yet.
struct NewFunction {
    Oid oid;
    Oid schema;
    Oid owner;
    char name[NAMEDATALEN];
    int count;
    Oid types[FUNC_MAX_ARGS];
};

bool read_function(Oid oid, NewFunction* out) {
    Relation catalog = table_open(ProcedureRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_proc_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(oid));
    SysScanDesc scan =
        systable_beginscan(catalog, ProcedureOidIndexId, true, SnapshotSelf, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    const bool found = HeapTupleIsValid(tuple);
    if (found) {
        auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
        out->oid = oid;
        out->schema = proc->pronamespace;
        out->owner = proc->proowner;
        strlcpy(out->name, NameStr(proc->proname), NAMEDATALEN);
        out->count = proc->pronargs;
        std::copy_n(proc->proargtypes.values, proc->pronargs, out->types);
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return found;
}

// The caches of the catalogs still have what there was before the command.
bool was_called_so(const NewFunction& f) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(f.oid));
    if (!HeapTupleIsValid(tuple)) return false;
    auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    const bool same = proc->pronamespace == f.schema && strcmp(NameStr(proc->proname), f.name) == 0;
    ReleaseSysCache(tuple);
    return same;
}

// Is there a member of the extension of that name in its schema?
bool is_ours(const NewFunction& f) {
    CatCList* list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(f.name));
    bool ours = false;
    for (int i = 0; !ours && i < list->n_members; ++i) {
        auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(&list->members[i]->tuple));
        ours = proc->oid != f.oid && proc->pronamespace == f.schema &&
               getExtensionOfObject(ProcedureRelationId, proc->oid) == extension_oid();
    }
    ReleaseSysCacheList(list);
    return ours;
}

// The cache that has a function of that name; nullptr: none.
const Definition* cache_of(const char* name) {
    for (const char* prefix : {"cache_get_many_", "cache_get_", "cache_put_"}) {
        const size_t size = strlen(prefix);
        if (strncmp(name, prefix, size) != 0) continue;
        if (const Definition* d = find_definition(name + size)) return d;
    }
    return nullptr;
}

// The accessor itself may be made again, or renamed back, by the role that it was declared by.
bool is_accessor_again(const NewFunction& f, const Definition* d) {
    return f.count == d->columns && std::equal(f.types, f.types + f.count, d->key_types) &&
           f.owner == d->declared_owner;
}

void check(Oid oid) {
    NewFunction f;
    // Nothing of ours is called otherwise, and most functions are not.
    if (!read_function(oid, &f) || strncmp(f.name, "cache_", 6) != 0) return;
    if (!definitions_ready() || f.schema != extension_schema() || was_called_so(f)) return;
    const bool ours = is_ours(f);
    const Definition* d = ours ? nullptr : cache_of(f.name);
    if (!ours && (d == nullptr || oid == d->accessor || is_accessor_again(f, d))) return;
    ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME),
                    errmsg("function name \"%s\" is reserved in the schema of cache_ext", f.name),
                    ours ? errdetail("It is a function of the extension.")
                         : errdetail("It belongs to cache \"%s\".", d->name),
                    errhint("Give the function another name, or create it in another schema.")));
}

void object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id,
                   void* argument) {
    if (previous_hook != nullptr) previous_hook(access, class_id, object_id, sub_id, argument);
    if (class_id != ProcedureRelationId || creating_extension) return;
    if (access == OAT_POST_CREATE || access == OAT_POST_ALTER) check(object_id);
}

}  // namespace

void install_reserved_names() {
    previous_hook = object_access_hook;
    object_access_hook = object_access;
}

}  // namespace cache_ext::pg
