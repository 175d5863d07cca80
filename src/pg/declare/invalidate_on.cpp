// cache_invalidate_on.
#include "pg/catalog/virtual_columns.hpp"
#include "pg/declare/dependencies.hpp"
#include "pg/declare/ddl.hpp"
#include "pg/declare/dependency_triggers.hpp"
#include "pg/declare/lock_declared.hpp"
#include "pg/declare/mending.hpp"
#include "pg/base/spi.hpp"

extern "C" {
#include "access/sysattr.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

[[noreturn]] void no_column(Oid relation, const char* column) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("column \"%s\" of relation \"%s\" does not exist", column,
                           get_rel_name(relation)),
                    errhint("key and columns name columns of the relation that changes.")));
    pg_unreachable();
}

[[noreturn]] void virtual_column(Oid relation, const char* column, const char* hint) {
    Bitmapset* behind = columns_behind(relation, get_attnum(relation, column));
    StringInfoData names;
    initStringInfo(&names);
    for (int i = -1; (i = bms_next_member(behind, i)) >= 0;) {
        const auto number = static_cast<AttrNumber>(i + FirstLowInvalidHeapAttributeNumber);
        appendStringInfo(&names, "%s\"%s\"", names.len > 0 ? ", " : "",
                         get_attname(relation, number, false));
    }
    ereport(
        ERROR,
        (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
         errmsg("column \"%s\" of relation \"%s\" is computed when it is read, and a changed row "
                "does not have it",
                column, get_rel_name(relation)),
         names.len > 0 ? errdetail("It is generated from %s.", names.data) : 0,
         errhint("%s", hint)));
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
        if (is_virtual(relation, column)) {
            virtual_column(relation, name,
                           "Compute the key from these in a query of cache_invalidate_on_path.");
        }
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
        const AttrNumber column = get_attnum(relation, name);
        if (column <= 0) no_column(relation, name);
        if (is_virtual(relation, column)) virtual_column(relation, name, "Name these instead.");
    }
}

const char* array_text(FunctionCallInfo fcinfo, int i) {
    if (PG_ARGISNULL(i)) return nullptr;
    Oid output;
    bool varlena;
    getTypeOutputInfo(TEXTARRAYOID, &output, &varlena);
    const int nest = begin_plain_texts();
    const char* text = OidOutputFunctionCall(output, PG_GETARG_DATUM(i));
    end_plain_texts(nest);
    return text;
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_invalidate_on_1_0);
}

extern "C" Datum cache_invalidate_on_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = cache_to_change(fcinfo, "cache_invalidate_on");
    const Oid relation = PG_GETARG_OID(1);
    connect_spi();
    ensure_triggers(relation);
    d = lock_own_definition(d);
    DependencyRow row = {};
    row.cache = d->name;
    row.relation = relation;
    row.key = PG_ARGISNULL(2) ? "{}" : array_text(fcinfo, 2);
    if (!PG_ARGISNULL(2)) row.mask = check_key(d, relation, PG_GETARG_ARRAYTYPE_P(2));
    if (row.mask == 0) row.key = "{}";
    check_mask_room(d, row.mask);
    row.columns = array_text(fcinfo, 3);
    if (!PG_ARGISNULL(3)) check_columns(relation, PG_GETARG_ARRAYTYPE_P(3));
    count_dependencies(row.cache, 1 - replace_stale_keys(d, insert_dependency(row)));
    SPI_finish();
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
