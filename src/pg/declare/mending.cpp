#include "pg/declare/mending.hpp"

#include "pg/declare/ddl.hpp"
#include "pg/write/path_checks.hpp"

extern "C" {
#include "lib/stringinfo.h"
}

namespace cache_ext::pg {
namespace {

// Rows of the same cache for the relation of the new row n, or for what had its name. A row that
// has lost its name to another table is about that one: it goes when that one is declared.
constexpr const char* kSameRelation =
    "(t.declared_as = n.declared_as OR "
    "t.relation = n.relation AND NOT EXISTS (SELECT 1 FROM pg_class AS c "
    "JOIN pg_namespace AS s ON s.oid = c.relnamespace "
    "WHERE s.nspname = t.declared_as[1] AND c.relname = t.declared_as[2]))";
// Rows for a relation that that of n hides.
constexpr const char* kHides =
    "(t.id = ANY ($3::int8[]) AND t.declared_as[2] = n.declared_as[2] AND n.by_name)";

constexpr const char* kSameBounds =
    "(t.since IS NOT DISTINCT FROM n.since AND t.until IS NOT DISTINCT FROM n.until "
    "AND t.bounds IS NOT DISTINCT FROM n.bounds)";

void append_id(StringInfo ids, int64 id) {
    appendStringInfo(ids, "%s" INT64_FORMAT, ids->len > 1 ? "," : "", id);
}

const char* id_array(List* stale, const Definition* paths_of) {
    StringInfoData ids;
    initStringInfo(&ids);
    appendStringInfoChar(&ids, '{');
    ListCell* cell;
    foreach (cell, stale) append_id(&ids, *static_cast<int64*>(lfirst(cell)));
    for (int i = 0; paths_of != nullptr && i < paths_of->path_count; ++i) {
        const Dependency& path = *paths_of->paths[i];
        if (!key_query_holds(path)) append_id(&ids, path.path);
    }
    appendStringInfoChar(&ids, '}');
    return ids.data;
}

}  // namespace

// By its key, as names or as numbers: of several that are stale each is mended by its own, or all
// by one that says more: that every change of the table concerns the whole cache, or all keys
// between the same instants.
int replace_stale_keys(const Definition* d, const char* row) {
    const char* parameters[] = {row, id_array(d->stale, nullptr), id_array(d->hidden, nullptr)};
    const char* table = in_internals("cache_dependency");
    return static_cast<int>(run_as_owner(
        dependency_table(),
        psprintf("DELETE FROM %s AS t USING %s AS n WHERE n.id = $1::int8 AND t.id <> n.id "
                 "AND t.cache = n.cache AND t.key_query IS NULL AND t.path IS NULL "
                 "AND (%s AND %s AND t.key = n.key AND t.columns IS NOT DISTINCT FROM n.columns "
                 "OR (%s AND t.id = ANY ($2::int8[]) OR %s) "
                 "AND (%s AND (t.key = n.key OR t.key_numbers = n.key_numbers) "
                 "OR n.key_mask = 0 AND n.columns IS NULL AND (%s OR n.bounds IS NULL)))",
                 table, table, kSameBounds, kSameRelation, kSameRelation, kHides, kSameBounds,
                 kSameBounds),
        lengthof(parameters), parameters));
}

// The same query; or, since it may have to be another one now, the only one that does not hold.
int replace_stale_paths(const Definition* d, const char* row) {
    const char* parameters[] = {row, id_array(d->stale, d), id_array(d->hidden, nullptr)};
    const char* table = in_internals("cache_dependency");
    return static_cast<int>(run_as_owner(
        dependency_table(),
        psprintf("WITH same AS (SELECT t.id, t.key_query = n.key_query AS again, "
                 "t.id = ANY ($2::int8[]) OR t.id = ANY ($3::int8[]) AS stale "
                 "FROM %s AS t, %s AS n "
                 "WHERE n.id = $1::int8 AND t.id <> n.id AND t.cache = n.cache "
                 "AND t.key_query IS NOT NULL AND (%s OR %s)), "
                 "gone AS (SELECT id FROM same WHERE again OR stale "
                 "AND (SELECT count(*) FROM same WHERE stale) = 1 "
                 "AND NOT EXISTS (SELECT 1 FROM same WHERE again)) "
                 "DELETE FROM %s AS d USING gone AS g WHERE d.id = g.id OR d.path = g.id",
                 table, table, kSameRelation, kHides, table),
        lengthof(parameters), parameters));
}

}  // namespace cache_ext::pg
