#include "pg/declare/dependencies.hpp"

#include "pg/base/compat.hpp"
#include "pg/declare/ddl.hpp"
#include "pg/catalog/group_tags.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/standing.hpp"
#include "pg/base/spi.hpp"

extern "C" {
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {

namespace {

const char* bound_text(int key_column) {
    return key_column == 0 ? nullptr : psprintf("%d", key_column);
}

}  // namespace

// A new set of key columns is one more tag of every entry.
void check_mask_room(const Definition* d, ColumnMask mask, const Bounds& bounds) {
    if (has_group(d, mask, bounds)) return;
    if (d->mask_count == kMaxMasks) {
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("the dependencies of cache \"%s\" map more than %d different sets "
                               "of key columns",
                               d->name, kMaxMasks)));
    }
}

const char* insert_dependency(const DependencyRow& row) {
    const char* parameters[] = {
        row.cache,
        psprintf("%u", row.relation),
        row.key,
        row.columns,
        row.key_query,
        psprintf("%u", row.mask),
        row.path,
        row.inserts ? "t" : "f",
        row.derived ? "t" : "f",
        bound_text(row.bounds.since),
        bound_text(row.bounds.until),
        row.bounds.any() ? ends_text(row.bounds) : nullptr,
        row.meaning != 0 ? psprintf(INT64_FORMAT, row.meaning) : nullptr,
        OidIsValid(row.referenced_by) ? psprintf("%u", row.referenced_by) : nullptr};
    const char* table = in_internals("cache_dependency");
    run_as_owner(
        dependency_table(),
        psprintf("INSERT INTO %s (cache, relation, key, columns, key_query, key_mask, "
                 "path, inserts, derived, since, until, bounds, meaning, referenced_by) VALUES "
                 "($1, $2::oid::regclass, "
                 "$3::text[], $4::text[], $5, $6::int4, $7::int8, $8::bool, $9::bool, $10::int2, "
                 "$11::int2, $12, $13::int8, $14::oid::regclass) RETURNING id",
                 table),
        lengthof(parameters), parameters);
    return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

void count_dependencies(const char* cache, int more) {
    const char* parameters[] = {cache, psprintf("%d", more)};
    run_as_owner(definition_table(),
                 psprintf("UPDATE %s SET dependencies = dependencies "
                          "OPERATOR(pg_catalog.+) $2::int4 WHERE name OPERATOR(pg_catalog.=) $1",
                          in_internals("cache_definition")),
                 lengthof(parameters), parameters);
}

const Definition* take_place_of_derived(const Definition* d, Oid relation) {
    const char* name = pstrdup(d->name);
    const char* parameters[] = {name, psprintf("%u", relation)};
    const char* table = in_internals("cache_dependency");
    const uint64 rows = run_as_owner(
        dependency_table(),
        psprintf("DELETE FROM %s AS x WHERE x.cache OPERATOR(pg_catalog.=) $1 AND x.derived AND "
                 "coalesce(x.path, x.id) OPERATOR(pg_catalog.=) ANY (SELECT y.id FROM "
                 "%s AS y WHERE y.cache OPERATOR(pg_catalog.=) $1 AND y.derived AND y.path IS NULL "
                 "AND y.relation OPERATOR(pg_catalog.=) $2::oid)",
                 table, table),
        lengthof(parameters), parameters);
    if (rows == 0) return d;
    count_dependencies(name, -static_cast<int>(rows));
    CommandCounterIncrement();
    return require_definition(name);
}

const Definition* cache_to_change(FunctionCallInfo fcinfo, const char* what) {
    notice_changed_names();  // what does not stand any more has to be known
    require_extension();
    require_store(what);
    for (int i = 0; i < 2; ++i) {
        if (PG_ARGISNULL(i)) {
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("%s must not be null", i == 0 ? "cache name" : "relation")));
        }
    }
    const Definition* d = require_definition(text_to_cstring(PG_GETARG_TEXT_PP(0)));
    require_owner(d);
    if (d->aggregates) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cache \"%s\" is an aggregate cache, which depends on its table and "
                               "on nothing else",
                               d->name)));
    }
    LockRelationOid(PG_GETARG_OID(1), AccessShareLock);
    check_relation(PG_GETARG_OID(1));
    return d;
}

void check_relation(Oid relation) {
    const char kind = get_rel_relkind(relation);
    if (kind == '\0') {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                        errmsg("relation with OID %u does not exist", relation)));
    }
    const char* hint = nullptr;
    if (kind == RELKIND_VIEW) {
        hint = "Name the tables that the view reads.";
    } else if (kind == RELKIND_FOREIGN_TABLE) {
        hint = "Changes made on the foreign server cannot be noticed: rely on a short ttl.";
    } else if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE &&
               kind != RELKIND_MATVIEW) {
        hint = "Name a table.";
    } else if (get_rel_persistence(relation) == RELPERSISTENCE_TEMP) {
        hint = "Other sessions cannot see temporary tables.";
    }
    if (hint != nullptr) {
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("a cache cannot depend on \"%s\"", get_rel_name(relation)),
                        errhint("%s", hint)));
    }
    if (has_foreign_part(relation)) {
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                 errmsg("a cache cannot depend on \"%s\", which has a partition or child on a "
                        "foreign server",
                        get_rel_name(relation)),
                 errhint("Changes made there cannot be noticed: rely on a short ttl.")));
    }
    if (IsCatalogRelationOid(relation)) {
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("a cache cannot depend on the system catalog \"%s\"",
                               get_rel_name(relation)),
                        errhint("Rely on a short ttl.")));
    }
    if (relation == definition_table() || relation == dependency_table()) {
        ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                        errmsg("a cache cannot depend on table \"%s\" of cache_ext",
                               get_rel_name(relation))));
    }
    if (!object_ownercheck(RelationRelationId, relation, GetUserId())) {
        aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(kind), get_rel_name(relation));
    }
}

}  // namespace cache_ext::pg
