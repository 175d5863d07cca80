#include "pg/declare/declaration.hpp"

#include "pg/base/compat.hpp"
#include "pg/catalog/definition_row.hpp"
#include "pg/catalog/key_types.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

void check_type_exists(Oid type) {
    if (get_typtype(type) != '\0') return;
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("type with OID %u does not exist", type)));
}

[[noreturn]] void unusable_loader(Oid loader, const char* why, const char* hint) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
                    errmsg("function %s cannot be a loader: %s", format_procedure(loader), why),
                    errhint("%s", hint)));
    pg_unreachable();
}

}  // namespace

char* checked_name(const text* argument) {
    char* name = text_to_cstring(argument);
    const char* problem = name_problem(name);
    if (problem != nullptr) {
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_NAME),
                 errmsg("\"%s\" cannot be the name of a cache", name), errhint("%s", problem)));
    }
    return name;
}

void require_undeclared(const char* name) {
    if (find_definition(name) == nullptr) return;
    ereport(ERROR,
            (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("cache \"%s\" already exists", name),
             errhint("Change it with cache_alter, or drop it with cache_drop('%s').", name)));
}

void check_key_types(const Declaration& d) {
    if (d.columns > kMaxKeyColumns) {
        ereport(ERROR, (errcode(ERRCODE_TOO_MANY_ARGUMENTS),
                        errmsg("a cache has at most %d key columns", kMaxKeyColumns)));
    }
    for (int i = 0; i < d.columns; ++i) {
        if (key_type_supported(d.key_types[i])) continue;
        check_type_exists(d.key_types[i]);
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("type %s cannot be a key column of a cache",
                               format_type_be(d.key_types[i])),
                        errdetail("Which of its values are equal is not known to cache_ext."),
                        errhint("%s", key_type_hint(d.key_types[i]))));
    }
}

void check_value_type(Oid type) {
    check_type_exists(type);
    const char kind = get_typtype(type);
    if (kind != TYPTYPE_PSEUDO) return;
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("values of type %s cannot be cached", format_type_be(type)),
                    type == RECORDOID ? errhint("Return a named composite type, or jsonb.")
                                      : errhint("Return a value of a concrete type.")));
}

void read_loader(Oid loader, Declaration* d) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(loader));
    if (!HeapTupleIsValid(tuple)) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                        errmsg("loader with OID %u does not exist", loader)));
    }
    auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    if (proc->prokind != PROKIND_FUNCTION) {
        unusable_loader(loader, "it is not a plain function", "Wrap it in a STABLE function.");
    }
    if (proc->proretset) {
        unusable_loader(loader, "it returns a set",
                        "Return one value, for example with jsonb_agg or array_agg.");
    }
    if (proc->provolatile == PROVOLATILE_VOLATILE) {
        unusable_loader(loader, "it is VOLATILE",
                        "A loader must read under its caller's snapshot: declare it STABLE.");
    }
    if (OidIsValid(proc->provariadic)) {
        unusable_loader(loader, "it is VARIADIC", "Wrap it in a function with fixed arguments.");
    }
    if (object_aclcheck(ProcedureRelationId, loader, GetUserId(), ACL_EXECUTE) != ACLCHECK_OK) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("permission denied for function %s", format_procedure(loader)),
                        errhint("The loader runs as the cache's owner, who needs EXECUTE on it.")));
    }
    Oid* all_types;
    char** names;
    char* modes;
    const int all = get_func_arg_info(tuple, &all_types, &names, &modes);
    d->loader = loader;
    d->columns = proc->pronargs;
    d->value_type = proc->prorettype;
    d->parallel =
        proc->proparallel == PROPARALLEL_UNSAFE ? PROPARALLEL_UNSAFE : PROPARALLEL_RESTRICTED;
    for (int i = 0, key = 0; i < all && key < kMaxKeyColumns; ++i) {
        if (modes != nullptr && modes[i] == PROARGMODE_OUT) continue;
        d->key_types[key] = all_types[i];
        d->key_names[key] = names != nullptr && names[i] != nullptr && names[i][0] != '\0'
                                ? names[i]
                                : psprintf("key%d", key + 1);
        ++key;
    }
    ReleaseSysCache(tuple);
}

void read_types(ArrayType* key_types, Declaration* d) {
    if (ARR_NDIM(key_types) > 1) {
        ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                        errmsg("key_types must have one dimension")));
    }
    Datum* values;
    bool* nulls;
    int n;
    deconstruct_array(key_types, REGTYPEOID, sizeof(Oid), true, TYPALIGN_INT, &values, &nulls, &n);
    d->columns = n;
    d->parallel = PROPARALLEL_RESTRICTED;
    for (int i = 0; i < std::min(n, kMaxKeyColumns); ++i) {
        if (nulls[i]) {
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("key_types must not contain nulls")));
        }
        d->key_types[i] = DatumGetObjectId(values[i]);
        d->key_names[i] = psprintf("key%d", i + 1);
    }
}

}  // namespace cache_ext::pg
