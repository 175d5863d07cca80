#include "pg/declare/path_dependency.hpp"

#include "pg/declare/ddl.hpp"
#include "pg/declare/dependencies.hpp"
#include "pg/declare/dependency_triggers.hpp"
#include "pg/declare/lock_declared.hpp"
#include "pg/declare/mending.hpp"
#include "pg/write/path_queries.hpp"

namespace cache_ext::pg {

void declare_path(const Definition* d, Oid relation, const char* key_query, const char* columns,
                  bool derived) {
    const PathShape shape = check_path_query(d, relation, key_query);
    ensure_triggers(relation);
    for (int i = 0; i < shape.relation_count; ++i) {
        check_relation(shape.relations[i]);
        ensure_triggers(shape.relations[i]);
    }
    d = lock_own_definition(d);
    if (!derived) d = take_place_of_derived(d, relation);
    check_mask_room(d, shape.mask, {});
    DependencyRow row = {};
    row.cache = d->name;
    row.relation = relation;
    // The whole row, whatever columns it will have, is one NULL.
    row.key = shape.whole_row ? "{NULL}" : array_literal(shape.row_columns);
    row.columns = columns;
    row.key_query = key_query;
    row.meaning = shape.meaning;
    row.mask = shape.mask;
    row.derived = derived;
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
        via.derived = derived;
        insert_dependency(via);
    }
    count_dependencies(row.cache, 1 + shape.relation_count - replace_stale_paths(d, path));
}

}  // namespace cache_ext::pg
