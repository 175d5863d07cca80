#include "pg/declare/named_columns.hpp"

#include "pg/catalog/standing.hpp"
#include "pg/catalog/virtual_columns.hpp"
#include "pg/declare/ddl.hpp"

extern "C" {
#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {

void check_dimensions(ArrayType* names, const char* argument) {
    if (ARR_NDIM(names) <= 1) return;
    ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                    errmsg("%s must have one dimension", argument)));
}

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

namespace {

void check_columns(Oid relation, ArrayType* columns) {
    check_dimensions(columns, "columns");
    if (means_any_column(relation, columns)) return;
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

}  // namespace

ArrayType* array_argument(FunctionCallInfo fcinfo, int i) {
    return PG_ARGISNULL(i) ? nullptr : PG_GETARG_ARRAYTYPE_P(i);
}

const char* array_text(ArrayType* array) {
    if (array == nullptr) return nullptr;
    Oid output;
    bool varlena;
    getTypeOutputInfo(TEXTARRAYOID, &output, &varlena);
    const int nest = begin_plain_texts();
    const char* text = OidOutputFunctionCall(output, PointerGetDatum(array));
    end_plain_texts(nest);
    return text;
}

const char* named_columns(ArrayType* columns, Oid relation) {
    if (columns != nullptr) check_columns(relation, columns);
    return array_text(columns);
}

}  // namespace cache_ext::pg
