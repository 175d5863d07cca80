// What a test compares docs/reference.md, cache_create and the columns of cache_definition with:
// the table of options.
#include "pg/catalog/option_table.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"
}

namespace cache_ext::pg {

extern "C" {
PG_FUNCTION_INFO_V1(cache_option_rows_1_0);
}

extern "C" Datum cache_option_rows_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (int i = 0; i < kOptions; ++i) {
        const OptionInfo& option = option_info(static_cast<Option>(i));
        const bool has_range = option.type_oid == INTERVALOID || option.type_oid == INT4OID;
        Datum values[5] = {CStringGetTextDatum(option.name), ObjectIdGetDatum(option.type_oid), 0,
                           Int64GetDatum(option.least), Int64GetDatum(option.most)};
        const bool nulls[5] = {false, false, option.if_null == nullptr, !has_range, !has_range};
        if (!nulls[2]) values[2] = CStringGetTextDatum(option.if_null);
        tuplestore_putvalues(set->setResult, set->setDesc, values, const_cast<bool*>(nulls));
    }
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
