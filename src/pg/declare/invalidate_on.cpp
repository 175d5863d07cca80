// cache_invalidate_on.
#include "pg/catalog/references.hpp"
#include "pg/catalog/virtual_columns.hpp"
#include "pg/declare/dependencies.hpp"
#include "pg/declare/dependency_triggers.hpp"
#include "pg/declare/lock_declared.hpp"
#include "pg/declare/key_expressions.hpp"
#include "pg/declare/mending.hpp"
#include "pg/declare/named_bounds.hpp"
#include "pg/declare/named_columns.hpp"
#include "pg/declare/path_dependency.hpp"
#include "pg/base/spi.hpp"
#include "pg/catalog/key_types.hpp"

extern "C" {
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

// A key column and the relation's column that gives it must agree in what is equal.
void check_key_column(const Definition* d, int i, Oid relation, AttrNumber column,
                      const char* name) {
    Oid type, collation;
    int32 typmod;
    get_atttypetypmodcoll(relation, column, &type, &typmod, &collation);
    type = getBaseType(type);
    if (!equal_as_keys(type, d->key_types[i])) {
        ereport(ERROR,
                (errcode(ERRCODE_DATATYPE_MISMATCH),
                 errmsg("column \"%s\" of relation \"%s\" is of type %s, but key column %d of "
                        "cache \"%s\" is of type %s",
                        name, get_rel_name(relation), format_type_be(type), i + 1, d->name,
                        format_type_be(d->key_types[i])),
                 errhint("Use a loader whose argument has the column's type, or cast it in key: "
                         "(%s::%s).",
                         quote_identifier(name), format_type_be(d->key_types[i]))));
    }
    if (OidIsValid(collation) && !get_collation_isdeterministic(collation)) {
        ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_COLLATION),
                        errmsg("column \"%s\" of relation \"%s\" has a nondeterministic collation",
                               name, get_rel_name(relation)),
                        errhint("Different texts would be equal keys; depend on the whole cache "
                                "instead, without key.")));
    }
}

// 0 columns: the whole cache.
int check_count(const Definition* d, ArrayType* key) {
    check_dimensions(key, "key");
    const int n = ArrayGetNItems(ARR_NDIM(key), ARR_DIMS(key));
    if (n == 0 || n == d->columns) return n;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg_plural("cache \"%s\" has %d key column, but key names %d",
                                  "cache \"%s\" has %d key columns, but key names %d",
                                  static_cast<unsigned long>(d->columns), d->name, d->columns, n),
                    errhint("Name one column per key column, NULL for one that the relation "
                            "does not have; or leave key out for the whole cache.")));
    pg_unreachable();
}

ColumnMask check_key(const Definition* d, Oid relation, ArrayType* key, const Bounds& bounds) {
    if (check_count(d, key) == 0) return 0;
    Datum* names;
    bool* nulls;
    int n;
    deconstruct_array(key, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
    ColumnMask mask = 0;
    for (int i = 0; i < n; ++i) {
        if (nulls[i] || bounds.name(i)) continue;
        char* name = TextDatumGetCString(names[i]);
        const AttrNumber column = get_attnum(relation, name);
        if (column <= 0) no_column(relation, name);
        if (is_virtual(relation, column)) {
            virtual_column(relation, name,
                           "Compute the key from these in a query of cache_invalidate_on_path.");
        }
        check_key_column(d, i, relation, column, name);
        mask |= ColumnMask{1} << i;
    }
    return mask;
}

// The table whose rows reference those that matter; InvalidOid: all matter.
Oid named_reference(FunctionCallInfo fcinfo, Oid relation) {
    constexpr int kReferencedBy = 8;
    if (PG_ARGISNULL(kReferencedBy)) return InvalidOid;
    const Oid from = PG_GETARG_OID(kReferencedBy);
    LockRelationOid(from, AccessShareLock);
    check_relation(from);
    if (!is_reference_kept(from, relation)) {
        ereport(
            ERROR,
            (errcode(ERRCODE_INVALID_FOREIGN_KEY),
             errmsg("no foreign key keeps rows of \"%s\" from referencing rows of \"%s\" that "
                    "are not there",
                    get_rel_name(from), get_rel_name(relation)),
             errdetail("It takes a foreign key that is validated, whose triggers are enabled, "
                       "between two tables that are not partitioned, nor partitions; the one that "
                       "references has no children."),
             errhint("Leave referenced_by out: then new rows matter as others do.")));
    }
    return from;
}

[[noreturn]] void no_expressions_referenced() {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("referenced_by does not go with keys that are expressions"),
                    errhint("Name columns as the key, or leave referenced_by out: then new rows "
                            "matter as others do.")));
    pg_unreachable();
}

// By a query of the row alone.
void declare_expressions(const Definition* d, Oid relation, ArrayType* key, ArrayType* columns) {
    check_count(d, key);
    declare_path(d, relation, key_query_of(d, relation, key), named_columns(columns, relation),
                 false);
}

}  // namespace

void declare_key(const Definition* d, Oid relation, ArrayType* key, ArrayType* columns,
                 const Bounds& bounds, bool derived, Oid referenced_by) {
    ensure_triggers(relation);
    d = lock_own_definition(d);
    if (!derived) d = take_place_of_derived(d, relation);
    DependencyRow row = {};
    row.cache = d->name;
    row.relation = relation;
    row.derived = derived;
    row.key = key == nullptr ? "{}" : array_text(key);
    row.bounds = bounds;
    row.referenced_by = referenced_by;
    if (key != nullptr) row.mask = check_key(d, relation, key, bounds);
    if (row.mask == 0 && !bounds.any()) row.key = "{}";
    check_mask_room(d, row.mask, bounds);
    row.columns = named_columns(columns, relation);
    count_dependencies(row.cache, 1 - replace_stale_keys(d, insert_dependency(row)));
}

extern "C" {
PG_FUNCTION_INFO_V1(cache_invalidate_on_1_0);
}

extern "C" Datum cache_invalidate_on_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = cache_to_change(fcinfo, "cache_invalidate_on");
    const Oid relation = PG_GETARG_OID(1);
    ArrayType* key = array_argument(fcinfo, 2);
    ArrayType* columns = array_argument(fcinfo, 3);
    connect_spi();
    List* relations = relations_with_triggers_for(d);
    const bool expressions = key != nullptr && has_expressions(relation, key);
    const Oid referenced_by = named_reference(fcinfo, relation);
    if (says_instant(fcinfo)) {
        if (expressions) no_expressions_with_instant();
        const Bounds bounds = named_bounds(fcinfo, d, relation);
        declare_key(d, relation, with_instant(fcinfo, d, key, bounds), columns, bounds, false,
                    referenced_by);
    } else if (expressions) {
        if (OidIsValid(referenced_by)) no_expressions_referenced();
        declare_expressions(d, relation, key, columns);
    } else {
        declare_key(d, relation, key, columns, {}, false, referenced_by);
    }
    drop_needless_triggers(relations);
    SPI_finish();
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
