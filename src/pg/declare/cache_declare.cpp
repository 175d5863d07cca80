// cache_declare.
#include "pg/base/store_handle.hpp"
#include "pg/base/text_rows.hpp"
#include "pg/catalog/arguments.hpp"
#include "pg/catalog/standing.hpp"
#include "pg/declare/derive.hpp"

extern "C" {
#include "funcapi.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

void put(const ReturnSetInfo* set, const char* input, const char* covered, const char* statement,
         const char* reason) {
    const char* texts[] = {input, covered, statement, reason};
    put_texts(set, texts);
}

void put_input(const ReturnSetInfo* set, const char* cache, const LoaderInput* input) {
    const char* name = relation_as_sql(input->relation);
    if (input->unproven != nullptr) {
        put(set, name, input->by_hand ? "declared" : "table", nullptr, input->unproven);
        return;
    }
    ListCell* cell;
    foreach (cell, input->mappings) {
        const auto* mapping = static_cast<RowMapping*>(lfirst(cell));
        put(set, name, mapping->key_query != nullptr ? "path" : "key",
            statement_of(cache, input, mapping), nullptr);
    }
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_declare_1_0);
}

// cache_declare(name text) RETURNS TABLE (input, covered, statement, reason)
extern "C" Datum cache_declare_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    const auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    notice_changed_names();
    require_extension();
    require_store("cache_declare");
    const char* name = pstrdup(named_cache(fcinfo)->name);
    const LoaderAnalysis* analysis = declare_derived(name);
    if (analysis->unseen != nullptr) put(set, nullptr, "table", nullptr, analysis->unseen);
    ListCell* cell;
    foreach (cell, analysis->inputs) put_input(set, name, static_cast<LoaderInput*>(lfirst(cell)));
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
