// cache_create_aggregate.
#include "pg/base/compat.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/spi.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/standing.hpp"
#include "pg/declare/aggregate_texts.hpp"
#include "pg/declare/ddl.hpp"
#include "pg/declare/declaration.hpp"
#include "pg/declare/dependencies.hpp"
#include "pg/declare/named_columns.hpp"
#include "pg/declare/options.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

enum { kName, kRelation, kKey, kMeasures, kFilter, kFirstOption };

// The options, as the arguments have them from kFirstOption on.
constexpr Option kGiven[] = {Option::kTtl,         Option::kRefreshAt,    Option::kMaxEntries,
                             Option::kMaxMemory,   Option::kBudget,       Option::kWarmKeys,
                             Option::kWarmEvery,   Option::kWarmWhenIdle, Option::kPriority,
                             Option::kLoadTimeout, Option::kPinned,       Option::kRefreshBeta};

Options options_given(FunctionCallInfo fcinfo) {
    Options options = {};
    for (int i = 0; i < kOptions; ++i) {
        options.text[i] = aggregate_default(static_cast<Option>(i));
    }
    const int nest = begin_plain_texts();
    for (int i = 0; i < static_cast<int>(lengthof(kGiven)); ++i) {
        const int argument = kFirstOption + i;
        if (PG_ARGISNULL(argument)) continue;
        Oid output;
        bool varlena;
        getTypeOutputInfo(get_fn_expr_argtype(fcinfo->flinfo, argument), &output, &varlena);
        options[kGiven[i]] = OidOutputFunctionCall(output, PG_GETARG_DATUM(argument));
    }
    end_plain_texts(nest);
    if (options[Option::kTtl] == nullptr) options[Option::kRefreshAt] = nullptr;
    return options;
}

void check_arguments(FunctionCallInfo fcinfo) {
    constexpr const char* kNames[] = {"cache name", "relation", "key", "measures"};
    for (int i = kName; i <= kMeasures; ++i) {
        if (!PG_ARGISNULL(i)) continue;
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                        errmsg("%s must not be null", kNames[i])));
    }
}

// The rows are those of one table, all of which the owner sees.
void check_table(Oid relation) {
    LockRelationOid(relation, AccessShareLock);
    check_relation(relation);
    if (get_rel_relkind(relation) == RELKIND_MATVIEW) {
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                 errmsg("an aggregate cache cannot be made of \"%s\"", get_rel_name(relation)),
                 errhint("REFRESH tells of no rows. Name the table that the view reads.")));
    }
    if (has_policies_for(relation, GetUserId())) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("row-level security of \"%s\" applies to the owner of the cache",
                               get_rel_name(relation)),
                        errdetail("Its loader would not see all rows that are changed."),
                        errhint("Give him BYPASSRLS, or ALTER TABLE ... NO FORCE ROW LEVEL "
                                "SECURITY.")));
    }
}

void take_key(const AggregateTexts& texts, Declaration* d) {
    d->columns = texts.key_count;
    for (int i = 0; i < texts.key_count; ++i) {
        d->key_types[i] = texts.keys[i].type;
        d->key_names[i] = pstrdup(texts.keys[i].name);
    }
}

// cache_row_<name>: what a reader gets has the names of the measures.
Oid create_row_type(const Declaration& d, const AggregateTexts& texts) {
    const char* name = psprintf("cache_row_%s", d.name);
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfo(&sql, "CREATE TYPE %s AS (", in_extension(name));
    for (int i = 0; i < texts.measure_count; ++i) {
        const NamedMeasure& m = texts.measures[i];
        appendStringInfo(&sql, "%s%s %s", i > 0 ? ", " : "", quote_identifier(m.name),
                         format_type_be_qualified(m.measure.result));
    }
    appendStringInfoChar(&sql, ')');
    run_sql(sql.data);
    // Whoever makes something of it would be in the way when the cache is dropped.
    run_sql(psprintf("REVOKE ALL ON TYPE %s FROM PUBLIC", in_extension(name)));
    CommandCounterIncrement();
    return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
                           ObjectIdGetDatum(extension_schema()));
}

// What the catalog keeps is what counts from now on: it has to be what was asked for.
void check_made(const Declaration& d, const AggregateTexts& texts) {
    Definition as = {};
    as.columns = d.columns;
    std::copy_n(d.key_types, d.columns, as.key_types);
    const Aggregate* a = read_aggregate(&as, d.loader);
    bool same = a != nullptr && is_sound(&as, a) && a->relation == texts.relation &&
                a->in_row == texts.in_row && a->measure_count == texts.measure_count;
    for (int i = 0; same && i < a->measure_count; ++i) {
        const Measure &m = a->measures[i], &wanted = texts.measures[i].measure;
        same = m.kind == wanted.kind && m.input == wanted.input && m.result == wanted.result &&
               m.scale == wanted.scale && m.wanted == wanted.wanted && m.kept == wanted.kept &&
               m.order_type == wanted.order_type && m.order_goes.down == wanted.order_goes.down &&
               m.value_goes.down == wanted.value_goes.down;
    }
    if (!same) elog(ERROR, "the loader of cache \"%s\" is not what was asked for", d.name);
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_create_aggregate_1_0);
}

extern "C" Datum cache_create_aggregate_1_0(PG_FUNCTION_ARGS) {
    require_extension();
    require_store("cache_create_aggregate");
    check_arguments(fcinfo);
    Declaration d = {};
    d.name = checked_name(PG_GETARG_TEXT_PP(kName));
    require_undeclared(d.name);
    const Oid relation = PG_GETARG_OID(kRelation);
    check_table(relation);
    const Options options = options_given(fcinfo);
    check_options(d.name, options);

    // Names mean what they mean to PostgreSQL itself; what the caller's search_path finds besides
    // is to be named with its schema.
    const int nest = NewGUCNestLevel();
    set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
                      GUC_ACTION_SAVE, true, 0, false);
    const AggregateTexts texts = read_aggregate_texts(
        relation, PG_GETARG_ARRAYTYPE_P(kKey), PG_GETARG_ARRAYTYPE_P(kMeasures),
        PG_ARGISNULL(kFilter) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(kFilter)));
    take_key(texts, &d);
    check_key_types(d);
    d.aggregates = true;
    d.parallel = PROPARALLEL_RESTRICTED;
    connect_spi();
    d.value_type = create_row_type(d, texts);
    d.loader = create_aggregate_loader(d, texts.in_row, loader_body(texts));
    CommandCounterIncrement();
    check_made(d, texts);
    AtEOXact_GUC(true, nest);

    Options checked = options;
    bool given[kOptions] = {};
    given[static_cast<int>(Option::kWarmKeys)] = true;
    check_row_loaders({d.columns, d.key_types, d.value_type}, true, given, &checked);
    write_declaration(d, checked);
    CommandCounterIncrement();
    declare_key(require_definition(d.name), relation, nullptr, nullptr, {}, false);
    SPI_finish();
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
