#include "pg/catalog/row_shape.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/functions.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {

int row_loader_arguments(const RowShape& shape, bool takes_keys, Oid* types) {
    if (!takes_keys) return 0;
    for (int i = 0; i < shape.columns; ++i) types[i] = get_array_type(shape.key_types[i]);
    return shape.columns;
}

bool has_shape(TupleDesc rows, const RowShape& shape) {
    const int wanted = shape.columns + (OidIsValid(shape.value_type) ? 1 : 0);
    int live = 0;
    for (int i = 0; i < rows->natts; ++i) {
        const Form_pg_attribute a = TupleDescAttr(rows, i);
        if (a->attisdropped) return false;
        const Oid want = live < shape.columns ? shape.key_types[live] : shape.value_type;
        const bool text = want == TEXTOID && a->atttypid == VARCHAROID && live < shape.columns;
        if (live >= wanted || (a->atttypid != want && !text)) return false;
        ++live;
    }
    return live == wanted;
}

const char* unfit_row_loader(Oid function, const RowShape& shape, bool takes_keys) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return "it does not exist";
    auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    Oid types[kMaxKeyColumns];
    const int n = row_loader_arguments(shape, takes_keys, types);
    const bool same_arguments =
        proc->pronargs == n && std::equal(types, types + n, proc->proargtypes.values);
    const char* why = nullptr;
    if (proc->prokind != PROKIND_FUNCTION)
        why = "it is not a plain function";
    else if (!proc->proretset)
        why = "it does not return a set";
    else if (proc->provolatile == PROVOLATILE_VOLATILE)
        why = "it is VOLATILE";
    else if (!same_arguments)
        why = "its arguments are not those";
    ReleaseSysCache(tuple);
    if (why != nullptr) return why;
    TupleDesc rows = nullptr;
    Oid type;
    const TypeFuncClass kind = get_func_result_type(function, &type, &rows);
    // A cache without key columns may have a load_all of one column.
    if (kind == TYPEFUNC_SCALAR && shape.columns == 0 && type == shape.value_type) return nullptr;
    if (kind != TYPEFUNC_COMPOSITE || !has_shape(rows, shape)) {
        return "its result is not the key's columns followed by the value";
    }
    return nullptr;
}

Oid find_row_loader(const char* name, const RowShape& shape, bool takes_keys) {
    List* names = stringToQualifiedNameList(name, nullptr);
    const Oid schema =
        list_length(names) == 2 ? get_namespace_oid(strVal(linitial(names)), true) : InvalidOid;
    if (!OidIsValid(schema)) return InvalidOid;
    Oid types[kMaxKeyColumns];
    const int n = row_loader_arguments(shape, takes_keys, types);
    const Oid function = find_function(schema, strVal(lsecond(names)), n, types);
    if (!OidIsValid(function)) return InvalidOid;
    return unfit_row_loader(function, shape, takes_keys) == nullptr ? function : InvalidOid;
}

}  // namespace cache_ext::pg
