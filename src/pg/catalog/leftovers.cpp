#include "pg/catalog/leftovers.hpp"

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "utils/acl.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

constexpr char kGet[] = "cache_get_";
constexpr char kMany[] = "cache_get_many_";
constexpr char kOrPut[] = "cache_get_or_put_";

bool begins_with(const char* name, const char* prefix) {
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

}  // namespace

List* undeclared_caches(bool all) {
    List* names = NIL;
    if (!definitions_ready()) return NIL;
    ListCell* cell;
    foreach (cell, functions_of_caches()) {
        HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(lfirst_oid(cell)));
        if (!HeapTupleIsValid(tuple)) continue;
        auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
        const char* function = pstrdup(NameStr(proc->proname));
        const bool ours = proc->pronamespace == extension_schema() && begins_with(function, kGet) &&
                          !begins_with(function, kMany) && !begins_with(function, kOrPut);
        const bool seen = all || has_privs_of_role(GetUserId(), proc->proowner);
        ReleaseSysCache(tuple);
        if (!ours || !seen) continue;
        const char* name = function + strlen(kGet);
        if (find_definition(name) == nullptr) names = lappend(names, const_cast<char*>(name));
    }
    return names;
}

}  // namespace cache_ext::pg
