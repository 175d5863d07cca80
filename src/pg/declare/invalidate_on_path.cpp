// cache_invalidate_on_path.
#include "pg/declare/dependencies.hpp"
#include "pg/declare/dependency_triggers.hpp"
#include "pg/declare/named_columns.hpp"
#include "pg/declare/path_dependency.hpp"
#include "pg/base/spi.hpp"

extern "C" {
#include "utils/builtins.h"
}

namespace cache_ext::pg {

extern "C" {
PG_FUNCTION_INFO_V1(cache_invalidate_on_path_1_0);
}

extern "C" Datum cache_invalidate_on_path_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = cache_to_change(fcinfo, "cache_invalidate_on_path");
    if (PG_ARGISNULL(2)) {
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("key_query must not be null")));
    }
    const Oid relation = PG_GETARG_OID(1);
    connect_spi();
    List* relations = relations_with_triggers_for(d);
    declare_path(d, relation, text_to_cstring(PG_GETARG_TEXT_PP(2)),
                 named_columns(array_argument(fcinfo, 3), relation), false);
    drop_needless_triggers(relations);
    SPI_finish();
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
