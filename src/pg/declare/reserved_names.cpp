// Whoever declares caches can create functions in the extension's schema. One that has the name of
// ours, or of an accessor of somebody else, could fit a call better than the one that was meant:
// cache_create('a', 'f(int)') means cache_create(text, text) as soon as there is one. So there are
// no overloads of these names, whoever tries. Nor are there types: cache_drop('a') means a cast of
// the literal to a domain of that name, whose checks would run as the caller.
#include "pg/declare/reserved_names.hpp"

#include "pg/catalog/definitions.hpp"
#include "pg/declare/rivals.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {

namespace {

object_access_hook_type previous_hook = nullptr;

// A function or a type as the hook finds it: the catalog has it, but this command does not see it
// yet.
struct NewName {
    Oid oid;
    Oid schema;
    char name[NAMEDATALEN];
    bool is_type;
    // Of a function:
    Oid owner;
    int count;
    Oid types[FUNC_MAX_ARGS];
};

void take_function(HeapTuple tuple, NewName* out) {
    auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    out->schema = proc->pronamespace;
    out->owner = proc->proowner;
    strlcpy(out->name, NameStr(proc->proname), NAMEDATALEN);
    out->count = proc->pronargs;
    std::copy_n(proc->proargtypes.values, proc->pronargs, out->types);
}

// A row type is never meant by what looks like a call. Every table has one.
void take_type(HeapTuple tuple, NewName* out) {
    auto* type = reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple));
    if (OidIsValid(type->typrelid)) return;
    out->schema = type->typnamespace;
    strlcpy(out->name, NameStr(type->typname), NAMEDATALEN);
}

// What is not to be looked at further has no name.
void read_new(Oid class_id, Oid oid, NewName* out) {
    *out = {};
    out->oid = oid;
    out->is_type = class_id == TypeRelationId;
    Relation catalog = table_open(class_id, AccessShareLock);
    ScanKeyData key;
    static_assert(Anum_pg_type_oid == Anum_pg_proc_oid);
    ScanKeyInit(&key, Anum_pg_proc_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(oid));
    SysScanDesc scan = systable_beginscan(
        catalog, out->is_type ? TypeOidIndexId : ProcedureOidIndexId, true, SnapshotSelf, 1, &key);
    HeapTuple tuple = systable_getnext(scan);
    if (HeapTupleIsValid(tuple)) (out->is_type ? take_type : take_function)(tuple, out);
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
}

// The caches of the catalogs still have what there was before the command.
bool was_called_so(const NewName& n) {
    HeapTuple tuple = SearchSysCache1(n.is_type ? TYPEOID : PROCOID, ObjectIdGetDatum(n.oid));
    if (!HeapTupleIsValid(tuple)) return false;
    NewName before = {};
    (n.is_type ? take_type : take_function)(tuple, &before);
    ReleaseSysCache(tuple);
    return before.schema == n.schema && strcmp(before.name, n.name) == 0;
}

// The cache that has a function of that name; nullptr: none.
const Definition* cache_of(const char* name) {
    for (const char* prefix : {"cache_get_many_", "cache_get_or_put_", "cache_get_", "cache_put_",
                               "cache_add_", "cache_replace_"}) {
        const size_t size = strlen(prefix);
        if (strncmp(name, prefix, size) != 0) continue;
        if (const Definition* d = find_definition(name + size)) return d;
    }
    return nullptr;
}

// The accessor itself, or one that is made again, or renamed back, by the role that it was declared
// by.
bool is_accessor(const NewName& n, const Definition* d) {
    if (n.is_type) return false;
    return n.oid == d->accessor ||
           (n.count == d->columns && std::equal(n.types, n.types + n.count, d->key_types) &&
            n.owner == d->declared_owner);
}

Rivals rivals_of(const NewName& n) {
    return {n.name, n.schema, n.oid, n.is_type};
}

void refuse_name(const NewName& n, const char* detail) {
    ereport(ERROR,
            (errcode(ERRCODE_RESERVED_NAME),
             errmsg("function name \"%s\" is reserved in the schema of cache_ext", n.name),
             errdetail_internal("%s", detail),
             n.is_type ? errhint("Give the type another name, or create it in another schema: "
                                 "calls could be taken for a cast to it.")
                       : errhint("Give the function another name, or create it in another "
                                 "schema.")));
}

void check(Oid class_id, Oid oid) {
    NewName n;
    read_new(class_id, oid, &n);
    // Nothing of ours is called otherwise, and most names are not.
    if (strncmp(n.name, "cache_", 6) != 0 || was_called_so(n) || IsBinaryUpgrade) return;
    const Oid extension = extension_in(n.schema);
    if (!OidIsValid(extension)) return;
    const bool script = creating_extension && CurrentExtensionObject == extension;
    if (creating_extension && !script) return;
    require_no_rival_in_progress(rivals_of(n));
    if (script) {
        // What is committed its last part finds, unless by an old snapshot.
        if (IsolationUsesXactSnapshot()) require_no_rival(rivals_of(n), extension);
        return;
    }
    const Definition* d = definitions_ready() ? cache_of(n.name) : nullptr;
    if (d != nullptr && is_accessor(n, d)) return;
    switch (find_rival(rivals_of(n), extension).of) {
        case RivalOf::kExtension:
            refuse_name(n, "It is a function of the extension.");
            break;
        case RivalOf::kCache:
            if (d == nullptr) refuse_name(n, "It is a function of a cache.");
            [[fallthrough]];
        default:
            if (d != nullptr) refuse_name(n, psprintf("It belongs to cache \"%s\".", d->name));
    }
}

void object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id,
                   void* argument) {
    if (previous_hook != nullptr) previous_hook(access, class_id, object_id, sub_id, argument);
    if (class_id != ProcedureRelationId && class_id != TypeRelationId) return;
    if (access == OAT_POST_CREATE || access == OAT_POST_ALTER) check(class_id, object_id);
}

}  // namespace

void require_only_one(Oid function) {
    NewName n;
    read_new(ProcedureRelationId, function, &n);
    require_no_rival(rivals_of(n), InvalidOid);
}

void install_reserved_names() {
    previous_hook = object_access_hook;
    object_access_hook = object_access;
}

}  // namespace cache_ext::pg
