// cache_invalidate_on_path.
#include "pg/declare/ddl.hpp"
#include "pg/declare/dependencies.hpp"
#include "pg/declare/dependency_triggers.hpp"
#include "pg/declare/lock_declared.hpp"
#include "pg/declare/mending.hpp"
#include "pg/declare/named_columns.hpp"
#include "pg/write/paths.hpp"
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
    const Oid relation = PG_GETARG_OID(1);
    if (PG_ARGISNULL(2)) {
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("key_query must not be null")));
    }
    const char* query = text_to_cstring(PG_GETARG_TEXT_PP(2));
    connect_spi();
    const PathShape shape = check_path_query(d, relation, query);
    ensure_triggers(relation);
    for (int i = 0; i < shape.relation_count; ++i) {
        check_relation(shape.relations[i]);
        ensure_triggers(shape.relations[i]);
    }
    d = lock_own_definition(d);
    check_mask_room(d, shape.mask);
    DependencyRow row = {};
    row.cache = d->name;
    row.relation = relation;
    // The whole row, whatever columns it will have, is one NULL.
    row.key = shape.whole_row ? "{NULL}" : array_literal(shape.row_columns);
    row.columns = named_columns(fcinfo, 3, relation);
    row.key_query = query;
    row.mask = shape.mask;
    const char* path = insert_dependency(row);
    for (int i = 0; i < shape.relation_count; ++i) {
        DependencyRow via = {};
        via.cache = d->name;
        via.relation = shape.relations[i];
        via.key = array_literal(shape.keys[i]);
        if (!shape.all_columns[i]) via.columns = array_literal(shape.columns[i]);
        via.mask = shape.mask;
        via.path = path;
        via.inserts = shape.inserts[i];
        insert_dependency(via);
    }
    count_dependencies(row.cache, 1 + shape.relation_count - replace_stale_paths(d, path));
    SPI_finish();
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
