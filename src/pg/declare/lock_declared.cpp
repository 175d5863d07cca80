#include "pg/declare/lock_declared.hpp"

#include "pg/declare/ddl.hpp"
#include "pg/catalog/rights.hpp"

extern "C" {
#include "utils/inval.h"
}

namespace cache_ext::pg {

const Definition* lock_definition(const Definition* definition) {
    const uint64 id = definition->id;
    const char* name = pstrdup(definition->name);
    const char* parameter = psprintf("%lld", static_cast<long long>(id));
    const uint64 found =
        run_as_owner(definition_table(),
                     psprintf("SELECT FROM %s WHERE id OPERATOR(pg_catalog.=) $1::int8 FOR UPDATE",
                              in_internals("cache_definition")),
                     1, &parameter);
    if (found == 0 && IsolationUsesXactSnapshot()) {
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("cache \"%s\" is newer than the snapshot of this transaction", name),
                        errhint("Try the transaction again.")));
    }
    AcceptInvalidationMessages();
    const Definition* now = found == 1 ? find_definition_by_id(id) : nullptr;
    if (now == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("cache \"%s\" was dropped meanwhile", name),
                        errhint("If there is one of that name again, it is another one.")));
    }
    return now;
}

const Definition* lock_own_definition(const Definition* definition) {
    const Definition* now = lock_definition(definition);
    require_owner(now);
    return now;
}

}  // namespace cache_ext::pg
