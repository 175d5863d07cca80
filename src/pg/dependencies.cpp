// cache_invalidate_on, cache_invalidate_on_path.
#include "pg/dependencies.hpp"

#include "pg/changes.hpp"
#include "pg/ddl.hpp"
#include "pg/load.hpp"
#include "pg/mending.hpp"
#include "pg/paths.hpp"
#include "pg/rights.hpp"
#include "pg/shared.hpp"
#include "pg/standing.hpp"
#include "pg/spi.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "lib/stringinfo.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/datum.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

// Names are unique over the database, so that a table which has its own can still be attached as a
// partition of one that has.
constexpr const char* kTriggerPrefix = "cache_ext_";

char* qualified_relation(Oid relation) {
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
                                      get_rel_name(relation));
}

// Our triggers on a relation: those made there, not the clones that partitions inherit.
List* triggers_of(Oid relation, bool clones_too) {
    List* oids = NIL;
    Relation catalog = table_open(TriggerRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(relation));
    SysScanDesc scan = systable_beginscan(catalog, TriggerRelidNameIndexId, true, nullptr, 1, &key);
    HeapTuple tuple;
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        auto* trigger = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple));
        if (trigger->tgfoid != invalidate_trigger()) continue;
        if (OidIsValid(trigger->tgparentid) && !clones_too) continue;
        oids = lappend_oid(oids, trigger->oid);
    }
    systable_endscan(scan);
    table_close(catalog, AccessShareLock);
    return oids;
}

void create_trigger(Oid relation, const char* suffix, const char* events, const char* level) {
    uint32 unique;
    if (!pg_strong_random(&unique, sizeof(unique))) elog(ERROR, "no random number for a name");
    const char* name = psprintf("%s%s_%08x", kTriggerPrefix, suffix, unique);
    const char* table = qualified_relation(relation);
    run_sql(psprintf("CREATE TRIGGER %s AFTER %s ON %s FOR EACH %s EXECUTE FUNCTION %s()", name,
                     events, table, level, in_internals("cache_invalidate_trigger")));
    // Replication and session_replication_role = replica change what loaders read, too.
    run_sql(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", table, name));
    depend_on_extension(TriggerRelationId, get_trigger_oid(relation, name, false));
}

// Who declares something on a table, and who drops what was declared, take turns: only so can the
// latter know whether anybody still needs the triggers. Nobody else uses this lock, so no reader or
// writer of the table waits for it.
void lock_declarations(Oid relation) {
    LockDatabaseObject(RelationRelationId, relation, 0, AccessExclusiveLock);
}

// A row trigger on a partitioned table reaches its partitions; children by inheritance need their
// own.
//
// The lock waits for everybody who is changing the table, so that whoever sees this declaration
// committed knows that all later changes were collected. It is needed even where there is a trigger
// already: what that has collected did not know of this declaration.
void ensure_triggers(Oid relation) {
    ListCell* cell;
    foreach (cell, find_all_inheritors(relation, NoLock, nullptr))
        lock_declarations(lfirst_oid(cell));
    LockRelationOid(relation, ShareRowExclusiveLock);
    if (get_rel_relkind(relation) == RELKIND_MATVIEW) return;  // REFRESH is noticed by a hook
    foreach (cell, find_all_inheritors(relation, ShareRowExclusiveLock, nullptr)) {
        const Oid member = lfirst_oid(cell);
        if (triggers_of(member, true) != NIL) continue;
        create_trigger(member, "row", "INSERT OR UPDATE OR DELETE", "ROW");
        create_trigger(member, "truncate", "TRUNCATE", "STATEMENT");
        CommandCounterIncrement();
    }
}

[[noreturn]] void no_column(Oid relation, const char* column) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("column \"%s\" of relation \"%s\" does not exist", column,
                           get_rel_name(relation)),
                    errhint("key and columns name columns of the relation that changes.")));
    pg_unreachable();
}

// A key column and the relation's column that gives it must agree in what is equal.
void check_key_column(const Definition* d, int i, Oid relation, AttrNumber column,
                      const char* name) {
    Oid type, collation;
    int32 typmod;
    get_atttypetypmodcoll(relation, column, &type, &typmod, &collation);
    type = getBaseType(type);
    const bool same = type == d->key_types[i] || (type == VARCHAROID && d->key_types[i] == TEXTOID);
    if (!same) {
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH),
                 errmsg("column \"%s\" of relation \"%s\" is of type %s, but key column %d of "
                        "cache \"%s\" is of type %s",
                        name, get_rel_name(relation), format_type_be(type), i + 1, d->name,
                        format_type_be(d->key_types[i])),
                 errhint("Use a loader whose argument has the column's type, or map the row with "
                         "cache_invalidate_on_path.")));
    }
    if (OidIsValid(collation) && !get_collation_isdeterministic(collation)) {
        ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_COLLATION),
                        errmsg("column \"%s\" of relation \"%s\" has a nondeterministic collation",
                               name, get_rel_name(relation)),
                        errhint("Different texts would be equal keys; depend on the whole cache "
                                "instead, without key.")));
    }
}

void check_dimensions(ArrayType* names, const char* argument) {
    if (ARR_NDIM(names) <= 1) return;
    ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                    errmsg("%s must have one dimension", argument)));
}

ColumnMask check_key(const Definition* d, Oid relation, ArrayType* key) {
    check_dimensions(key, "key");
    Datum* names;
    bool* nulls;
    int n;
    deconstruct_array(key, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
    if (n == 0) return 0;
    if (n != d->columns) {
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg_plural("cache \"%s\" has %d key column, but key names %d",
                               "cache \"%s\" has %d key columns, but key names %d",
                               static_cast<unsigned long>(d->columns), d->name, d->columns, n),
                 errhint("Name one column per key column, NULL for one that the relation "
                         "does not have; or leave key out for the whole cache.")));
    }
    ColumnMask mask = 0;
    for (int i = 0; i < n; ++i) {
        if (nulls[i]) continue;
        char* name = TextDatumGetCString(names[i]);
        const AttrNumber column = get_attnum(relation, name);
        if (column <= 0) no_column(relation, name);
        check_key_column(d, i, relation, column, name);
        mask |= ColumnMask{1} << i;
    }
    return mask;
}

void check_columns(Oid relation, ArrayType* columns) {
    check_dimensions(columns, "columns");
    Datum* names;
    bool* nulls;
    int n;
    deconstruct_array(columns, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
    for (int i = 0; i < n; ++i) {
        if (nulls[i]) {
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("columns must not contain nulls")));
        }
        char* name = TextDatumGetCString(names[i]);
        if (get_attnum(relation, name) <= 0) no_column(relation, name);
    }
}

// A new set of key columns is one more tag of every entry.
void check_mask_room(const Definition* d, ColumnMask mask) {
    if (mask == 0 || d->full_mask(mask)) return;
    for (int i = 0; i < d->mask_count; ++i) {
        if (d->masks[i] == mask) return;
    }
    if (d->mask_count == static_cast<int>(core::kMaxTags)) {
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("the dependencies of cache \"%s\" map more than %u different sets "
                               "of key columns",
                               d->name, core::kMaxTags)));
    }
}

const char* array_text(FunctionCallInfo fcinfo, int i) {
    if (PG_ARGISNULL(i)) return nullptr;
    Oid output;
    bool varlena;
    getTypeOutputInfo(TEXTARRAYOID, &output, &varlena);
    return OidOutputFunctionCall(output, PG_GETARG_DATUM(i));
}

struct DependencyRow {
    const char* cache;
    Oid relation;
    const char* key;
    const char* columns;
    const char* key_query;
    ColumnMask mask;
    const char* path;
    bool inserts;
};

// Returns the new row's id, as text.
const char* insert_dependency(const DependencyRow& row) {
    const char* parameters[] = {
        row.cache,     psprintf("%u", row.relation), row.key,  row.columns,
        row.key_query, psprintf("%u", row.mask),     row.path, row.inserts ? "t" : "f"};
    const char* table = in_internals("cache_dependency");
    run_as_owner(
        dependency_table(),
        psprintf("INSERT INTO %s (cache, relation, key, columns, key_query, key_mask, "
                 "path, inserts) VALUES ($1, $2::oid::regclass, $3::text[], $4::text[], $5, "
                 "$6::int4, $7::int8, $8::bool) RETURNING id",
                 table),
        lengthof(parameters), parameters);
    return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

// Rows that a restore loses will be missed.
void count_dependencies(const char* cache, int more) {
    const char* parameters[] = {cache, psprintf("%d", more)};
    run_as_owner(definition_table(),
                 psprintf("UPDATE %s SET dependencies = dependencies "
                          "OPERATOR(pg_catalog.+) $2::int4 WHERE name OPERATOR(pg_catalog.=) $1",
                          in_internals("cache_definition")),
                 lengthof(parameters), parameters);
}

const Definition* cache_to_change(FunctionCallInfo fcinfo, const char* what) {
    notice_changed_names();  // what does not stand any more has to be known
    require_extension();
    require_shared(what);
    for (int i = 0; i < 2; ++i) {
        if (PG_ARGISNULL(i)) {
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("%s must not be null", i == 0 ? "cache name" : "relation")));
        }
    }
    const Definition* d = require_definition(text_to_cstring(PG_GETARG_TEXT_PP(0)));
    require_owner(d);
    return d;
}

// The definition as it is when its tables' declarations are ours alone, and theirs are known.
const Definition* lock_all_declarations(uint64 id) {
    const Definition* known = nullptr;
    const Definition* d = find_definition_by_id(id);
    while (d != nullptr && d != known) {
        known = d;
        List* relations = NIL;
        for (int i = 0; i < d->relation_count; ++i) {
            relations = lappend_oid(relations, d->relations[i]);
        }
        list_sort(relations, list_oid_cmp);  // so that no two wait for each other
        ListCell* cell;
        foreach (cell, relations) lock_declarations(lfirst_oid(cell));
        d = find_definition_by_id(id);
    }
    return d;
}

}  // namespace

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
    if (!pg_class_ownercheck(relation, GetUserId())) {
        aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(kind), get_rel_name(relation));
    }
}

void drop_triggers_only_for(uint64 id) {
    const Definition* d = lock_all_declarations(id);
    for (int i = 0; d != nullptr && i < d->relation_count; ++i) {
        const RelationDependencies* r = dependencies_of(d->relations[i]);
        bool others = false;
        for (int k = 0; r != nullptr && k < r->count; ++k) {
            others = others || r->dependencies[k].definition->id != id;
        }
        if (others) continue;
        ListCell* cell;
        foreach (cell, triggers_of(d->relations[i], false)) {
            drop_object(TriggerRelationId, lfirst_oid(cell));
        }
    }
}

extern "C" {
PG_FUNCTION_INFO_V1(cache_invalidate_on_1_0);
PG_FUNCTION_INFO_V1(cache_invalidate_on_path_1_0);
}

extern "C" Datum cache_invalidate_on_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = cache_to_change(fcinfo, "cache_invalidate_on");
    const Oid relation = PG_GETARG_OID(1);
    check_relation(relation);
    DependencyRow row = {};
    row.cache = d->name;
    row.relation = relation;
    row.key = PG_ARGISNULL(2) ? "{}" : array_text(fcinfo, 2);
    if (!PG_ARGISNULL(2)) row.mask = check_key(d, relation, PG_GETARG_ARRAYTYPE_P(2));
    if (row.mask == 0) row.key = "{}";
    check_mask_room(d, row.mask);
    row.columns = array_text(fcinfo, 3);
    if (!PG_ARGISNULL(3)) check_columns(relation, PG_GETARG_ARRAYTYPE_P(3));
    connect_spi();
    ensure_triggers(relation);
    count_dependencies(row.cache, 1 - replace_stale_keys(d, insert_dependency(row)));
    SPI_finish();
    PG_RETURN_VOID();
}

extern "C" Datum cache_invalidate_on_path_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = cache_to_change(fcinfo, "cache_invalidate_on_path");
    const Oid relation = PG_GETARG_OID(1);
    check_relation(relation);
    if (PG_ARGISNULL(2)) {
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("key_query must not be null")));
    }
    const char* query = text_to_cstring(PG_GETARG_TEXT_PP(2));
    connect_spi();
    const PathShape shape = check_path_query(d, relation, query);
    check_mask_room(d, shape.mask);
    ensure_triggers(relation);
    DependencyRow row = {};
    row.cache = d->name;
    row.relation = relation;
    // The whole row, whatever columns it will have, is one NULL.
    row.key = shape.whole_row ? "{NULL}" : array_literal(shape.row_columns);
    row.key_query = query;
    row.mask = shape.mask;
    const char* path = insert_dependency(row);
    for (int i = 0; i < shape.relation_count; ++i) {
        check_relation(shape.relations[i]);
        ensure_triggers(shape.relations[i]);
        DependencyRow lookup = {};
        lookup.cache = d->name;
        lookup.relation = shape.relations[i];
        lookup.key = array_literal(shape.keys[i]);
        if (!shape.all_columns[i]) lookup.columns = array_literal(shape.columns[i]);
        lookup.mask = shape.mask;
        lookup.path = path;
        lookup.inserts = shape.inserts[i];
        insert_dependency(lookup);
    }
    count_dependencies(row.cache, 1 + shape.relation_count - replace_stale_paths(d, path));
    SPI_finish();
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
