#include "pg/catalog/arguments.hpp"

#include "pg/base/compat.hpp"
#include "pg/catalog/rights.hpp"

extern "C" {
#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

[[noreturn]] void wrong_number(const Definition* d, int given) {
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_FUNCTION),
             errmsg_plural("cache \"%s\" takes %d key argument, not %d",
                           "cache \"%s\" takes %d key arguments, not %d",
                           static_cast<unsigned long>(d->columns), d->name, d->columns, given),
             d->columns == 0 ? errhint("Call it without key arguments.")
                             : errhint("Give the key in this order: %s. "
                                       "A null needs a type, as in NULL::%s.",
                                       key_signature(d), format_type_be(d->key_types[0]))));
    pg_unreachable();
}

// As an expression would call it: a cast's function may also ask for the type's modifier and
// whether the cast is explicit, it may be closed to the caller, and it may return NULL.
Datum call_cast(Oid function, Datum value, bool* is_null) {
    if (object_aclcheck(ProcedureRelationId, function, GetUserId(), ACL_EXECUTE) != ACLCHECK_OK) {
        aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, get_func_name(function));
    }
    InvokeFunctionExecuteHook(function);
    FmgrInfo info;
    fmgr_info(function, &info);
    LOCAL_FCINFO(call, 3);
    InitFunctionCallInfoData(*call, &info, info.fn_nargs, InvalidOid, nullptr, nullptr);
    call->args[0] = {value, false};
    call->args[1] = {Int32GetDatum(-1), false};
    call->args[2] = {BoolGetDatum(false), false};
    const Datum converted = FunctionCallInvoke(call);
    *is_null = call->isnull;
    return converted;
}

[[noreturn]] void wrong_type(const Definition* d, int column, Oid from) {
    const char* to = format_type_be(d->key_types[column]);
    ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                    errmsg("key column %d of cache \"%s\" is of type %s, but %s was given",
                           column + 1, d->name, to, format_type_be(from)),
                    errhint("Cast the argument to %s.", to)));
    pg_unreachable();
}

// To a domain there is more than one step: a cast, the length that it prescribes, its constraints.
// The server's own expression for that.
Datum convert_to_domain(const Definition* d, int column, Oid from, Datum value, bool* is_null) {
    const Oid to = d->key_types[column];
    int16 length;
    bool by_value;
    get_typlenbyval(from, &length, &by_value);
    Const* given = makeConst(from, -1, get_typcollation(from), length, value, false, by_value);
    Node* cast = coerce_to_target_type(nullptr, reinterpret_cast<Node*>(given), from, to, -1,
                                       COERCION_IMPLICIT, COERCE_IMPLICIT_CAST, -1);
    if (cast == nullptr) wrong_type(d, column, from);
    EState* state = CreateExecutorState();
    MemoryContext old = MemoryContextSwitchTo(state->es_query_cxt);
    ExprState* steps = ExecPrepareExpr(reinterpret_cast<Expr*>(cast), state);
    MemoryContextSwitchTo(old);
    const Datum made = ExecEvalExpr(steps, GetPerTupleExprContext(state), is_null);
    get_typlenbyval(to, &length, &by_value);
    const Datum kept = *is_null ? Datum{0} : datumCopy(made, by_value, length);
    FreeExecutorState(state);
    return kept;
}

Datum convert_by(const Definition* d, int column, Oid from, Datum value, bool* is_null) {
    const Oid to = d->key_types[column];
    if (from == to) return value;
    const bool domain = get_typtype(to) == TYPTYPE_DOMAIN;
    if (*is_null) {
        if (domain) domain_check(0, true, to, nullptr, nullptr);
        return 0;
    }
    if (domain && from != UNKNOWNOID) return convert_to_domain(d, column, from, value, is_null);
    if (from == UNKNOWNOID) {
        Oid input, io_param;
        getTypeInputInfo(to, &input, &io_param);
        return OidInputFunctionCall(input, DatumGetCString(value), io_param, -1);
    }
    Oid function = InvalidOid;
    switch (find_coercion_pathway(to, getBaseType(from), COERCION_IMPLICIT, &function)) {
        case COERCION_PATH_RELABELTYPE:
            return value;
        case COERCION_PATH_FUNC:
            return call_cast(function, value, is_null);
        default:
            break;
    }
    wrong_type(d, column, from);
}

// One key column from an argument of another type.
void convert(const Definition* d, int column, Oid from, Datum value, bool is_null,
             KeyArguments* out) {
    out->nulls[column] = is_null;
    enter_user_code();
    out->values[column] = convert_by(d, column, from, value, &out->nulls[column]);
    leave_user_code();
}

}  // namespace

const Definition* named_cache(FunctionCallInfo fcinfo, bool even_broken) {
    if (PG_ARGISNULL(0)) {
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("cache name must not be null")));
    }
    const text* name = PG_GETARG_TEXT_PP(0);
    const Definition* d =
        require_definition(VARDATA_ANY(name), static_cast<size_t>(VARSIZE_ANY_EXHDR(name)));
    if (!even_broken) require_intact(d);
    return d;
}

char* key_signature(const Definition* d) {
    StringInfoData s;
    initStringInfo(&s);
    for (int i = 0; i < d->columns; ++i) {
        appendStringInfo(&s, "%s%s", i > 0 ? ", " : "", format_type_be(d->key_types[i]));
    }
    return s.data;
}

bool key_omitted(FunctionCallInfo fcinfo, int first) {
    return PG_NARGS() <= first || (PG_NARGS() == first + 1 && PG_ARGISNULL(first) &&
                                   get_fn_expr_argtype(fcinfo->flinfo, first) == UNKNOWNOID);
}

void key_arguments(FunctionCallInfo fcinfo, int first, const Definition* d, KeyArguments* out) {
    if (key_omitted(fcinfo, first)) {
        if (d->columns != 0) wrong_number(d, 0);
        return;
    }
    if (get_fn_expr_variadic(fcinfo->flinfo)) {
        // cache_get('c', VARIADIC array): one array whose elements are the key columns.
        const Oid type = get_fn_expr_argtype(fcinfo->flinfo, first);
        const Oid element = get_element_type(type);
        if (!OidIsValid(element) || PG_ARGISNULL(first)) wrong_number(d, 0);
        int16 length;
        bool by_value;
        char align;
        get_typlenbyvalalign(element, &length, &by_value, &align);
        Datum* values;
        bool* nulls;
        int n;
        deconstruct_array(PG_GETARG_ARRAYTYPE_P(first), element, length, by_value, align, &values,
                          &nulls, &n);
        if (n != d->columns) wrong_number(d, n);
        for (int i = 0; i < n; ++i) {
            convert(d, i, element, values[i], nulls[i], out);
        }
        return;
    }
    const int given = PG_NARGS() - first;
    if (given != d->columns) wrong_number(d, given);
    for (int i = 0; i < given; ++i) {
        const Oid type = get_fn_expr_argtype(fcinfo->flinfo, first + i);
        if (!OidIsValid(type)) elog(ERROR, "could not determine the type of key column %d", i + 1);
        convert(d, i, type, PG_GETARG_DATUM(first + i), PG_ARGISNULL(first + i), out);
    }
}

void column_arguments(FunctionCallInfo fcinfo, int first, const Definition* d, const int* columns,
                      int count, KeyArguments* out) {
    const int given = PG_NARGS() - first;
    if (get_fn_expr_variadic(fcinfo->flinfo)) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                        errmsg("values of a group cannot be given as an array"),
                        errhint("Give one argument for each column.")));
    }
    if (given != count) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                        errmsg_plural("%d column of cache \"%s\" is meant, not %d",
                                      "%d columns of cache \"%s\" are meant, not %d",
                                      static_cast<unsigned long>(count), count, d->name, given),
                        errhint("Give one argument for each.")));
    }
    for (int i = 0; i < count; ++i) {
        const Oid type = get_fn_expr_argtype(fcinfo->flinfo, first + i);
        if (!OidIsValid(type)) elog(ERROR, "could not determine the type of argument %d", i + 1);
        convert(d, columns[i], type, PG_GETARG_DATUM(first + i), PG_ARGISNULL(first + i), out);
    }
}

}  // namespace cache_ext::pg
