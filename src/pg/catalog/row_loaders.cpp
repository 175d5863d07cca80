#include "pg/catalog/row_loaders.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/functions.hpp"
#include "pg/base/spi.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

// "TABLE (key1 uuid, key2 text, value json)"
char* wanted_result(const RowShape& shape) {
    StringInfoData s;
    initStringInfo(&s);
    appendStringInfoString(&s, "TABLE (");
    for (int i = 0; i < shape.columns; ++i) {
        if (shape.columns == 1) {
            appendStringInfoString(&s, "key");
        } else {
            appendStringInfo(&s, "key%d", i + 1);
        }
        appendStringInfo(&s, " %s, ", format_type_be(shape.key_types[i]));
    }
    appendStringInfo(&s, "value %s)", format_type_be(shape.value_type));
    return s.data;
}

char* wanted_arguments(const RowShape& shape, bool takes_keys) {
    StringInfoData s;
    initStringInfo(&s);
    Oid types[kMaxKeyColumns];
    const int n = row_loader_arguments(shape, takes_keys, types);
    for (int i = 0; i < n; ++i) {
        appendStringInfo(&s, "%s%s", i > 0 ? ", " : "", format_type_be(types[i]));
    }
    return s.data;
}

[[noreturn]] void unfit_query(const char* option, const char* why, const char* hint) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("%s cannot be used: %s", option, why), errhint("%s", hint)));
    pg_unreachable();
}

}  // namespace

char* checked_row_loader(const char* option, const char* text, const RowShape& shape,
                         bool takes_keys) {
    Oid function;
    if (strchr(text, '(') != nullptr) {
        function = DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(text)));
    } else {
        Oid types[kMaxKeyColumns];
        const int n = row_loader_arguments(shape, takes_keys, types);
        function = LookupFuncName(stringToQualifiedNameList(text, nullptr), n, types, false);
    }
    lock_function(function);
    const char* why = unfit_row_loader(function, shape, takes_keys);
    if (why != nullptr) {
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
                 errmsg("function %s cannot be %s: %s", format_procedure(function), option, why),
                 errhint("Declare it as f(%s) RETURNS %s, STABLE or IMMUTABLE.",
                         wanted_arguments(shape, takes_keys), wanted_result(shape))));
    }
    if (object_aclcheck(ProcedureRelationId, function, GetUserId(), ACL_EXECUTE) != ACLCHECK_OK) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("permission denied for function %s", format_procedure(function)),
                        errhint("It runs as the cache's owner, who needs EXECUTE on it.")));
    }
    return quote_qualified_identifier(get_namespace_name(get_func_namespace(function)),
                                      get_func_name(function));
}

char* row_loader_call(const Definition* d, const char* name, bool takes_keys) {
    return psprintf("%s(%s)", name, wanted_arguments(row_shape(d), takes_keys));
}

void check_key_query(const char* option, const char* text, const RowShape& shape) {
    connect_spi();
    SPIPlanPtr plan = prepare_spi(text, 0, nullptr);
    List* sources = SPI_plan_get_plan_sources(plan);
    auto* source =
        list_length(sources) == 1 ? static_cast<CachedPlanSource*>(linitial(sources)) : nullptr;
    const Query* query = source != nullptr && list_length(source->query_list) == 1
                             ? static_cast<Query*>(linitial(source->query_list))
                             : nullptr;
    if (query == nullptr || query->commandType != CMD_SELECT || query->hasModifyingCTE ||
        query->rowMarks != NIL) {
        unfit_query(option, "it is not one plain SELECT", "It may neither write nor lock rows.");
    }
    if (!has_shape(source->resultDesc, shape)) {
        StringInfoData types;
        initStringInfo(&types);
        for (int i = 0; i < shape.columns; ++i) {
            appendStringInfo(&types, "%s%s", i > 0 ? ", " : "", format_type_be(shape.key_types[i]));
        }
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("%s does not return the key's columns", option),
                        errhint("They are of types: %s. Cast in the query.", types.data)));
    }
    SPI_finish();
}

}  // namespace cache_ext::pg
