#include "pg/sql/convert.hpp"

#include "pg/load/environment.hpp"
#include "pg/base/spi.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

// Calls a polymorphic built-in function as an expression over arguments of these types would.
Datum call_typed(Oid function, Oid result, Oid type1, Datum value1, bool null1, Oid type2,
                 Datum value2, int count, bool* is_null) {
    List* arguments = list_make1(makeNullConst(type1, -1, InvalidOid));
    if (count == 2) arguments = lappend(arguments, makeNullConst(type2, -1, InvalidOid));
    FmgrInfo info;
    fmgr_info(function, &info);
    fmgr_info_set_expr(reinterpret_cast<Node*>(makeFuncExpr(function, result, arguments, InvalidOid,
                                                            InvalidOid, COERCE_EXPLICIT_CALL)),
                       &info);
    LOCAL_FCINFO(call, 2);
    InitFunctionCallInfoData(*call, &info, static_cast<short>(count), InvalidOid, nullptr, nullptr);
    call->args[0].value = value1;
    call->args[0].isnull = null1;
    call->args[1].value = value2;
    call->args[1].isnull = false;
    const Datum value = FunctionCallInvoke(call);
    *is_null = call->isnull;
    return value;
}

// A JSON array as an SQL array: what jsonb_to_record does with a column of that type.
Datum array_from_jsonb(Oid type, Datum json, bool* is_null) {
    connect_spi();
    Oid argument = JSONBOID;
    const char* sql = psprintf(
        "SELECT r.value FROM pg_catalog.jsonb_to_record("
        "pg_catalog.jsonb_build_object('value', $1)) AS r (value %s)",
        format_type_be_qualified(type));
    if (SPI_execute_with_args(sql, 1, &argument, &json, nullptr, true, 1) != SPI_OK_SELECT ||
        SPI_processed != 1) {
        elog(ERROR, "could not convert jsonb to %s", format_type_be(type));
    }
    Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, is_null);
    if (!*is_null) value = SPI_datumTransfer(value, false, -1);
    SPI_finish();
    return value;
}

// A builtin type's input and output do what the server does, whoever calls; its casts to json are
// nobody else's either (to_jsonb looks for casts of other types only).
bool is_builtin(Oid type) {
    return type < FirstNormalObjectId;
}

Datum to_jsonb(Oid type, Datum value) {
    bool is_null;
    return call_typed(F_TO_JSONB, JSONBOID, type, value, false, InvalidOid, 0, 1, &is_null);
}

Datum from_jsonb(Oid type, Datum json, bool* is_null) {
    const char* text =
        JsonbToCString(nullptr, &DatumGetJsonbP(json)->root, VARSIZE(DatumGetJsonbP(json)));
    if (type == JSONOID) return CStringGetTextDatum(text);
    Jsonb* jb = DatumGetJsonbP(json);
    if (JB_ROOT_IS_SCALAR(jb)) {
        JsonbValue scalar;
        if (!JsonbExtractScalar(&jb->root, &scalar)) elog(ERROR, "malformed jsonb scalar");
        if (scalar.type == jbvNull) {
            *is_null = true;
            return 0;
        }
        if (scalar.type == jbvString) text = pnstrdup(scalar.val.string.val, scalar.val.string.len);
    } else if (OidIsValid(get_base_element_type(type))) {
        return array_from_jsonb(type, json, is_null);
    } else if (type_is_rowtype(type)) {
        return call_typed(F_JSONB_POPULATE_RECORD, type, type, 0, true, JSONBOID, json, 2, is_null);
    }
    Oid input, io_param;
    getTypeInputInfo(type, &input, &io_param);
    return OidInputFunctionCall(input, const_cast<char*>(text), io_param, -1);
}

}  // namespace

Datum to_jsonb_value(const Definition* d, Datum value) {
    if (d->value_type == JSONBOID) return value;
    if (is_builtin(d->value_type)) return to_jsonb(d->value_type, value);
    Datum json;
    as_owner_of(d, [&] { json = to_jsonb(d->value_type, value); });
    return json;
}

Datum from_jsonb_value(const Definition* d, Datum json, bool* is_null) {
    *is_null = false;
    if (d->value_type == JSONBOID) return json;
    if (is_builtin(d->value_type)) return from_jsonb(d->value_type, json, is_null);
    Datum value;
    as_owner_of(d, [&] { value = from_jsonb(d->value_type, json, is_null); });
    return value;
}

Datum from_jsonb_key(Oid type, Datum json, bool* is_null) {
    *is_null = false;
    if (type == JSONBOID) return json;
    const Datum value = from_jsonb(type, json, is_null);
    if (*is_null && get_typtype(type) == TYPTYPE_DOMAIN) {
        domain_check(0, true, type, nullptr, nullptr);
    }
    return value;
}

}  // namespace cache_ext::pg
