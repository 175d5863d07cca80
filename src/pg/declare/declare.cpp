// cache_create, cache_alter, cache_drop.
#include "pg/base/compat.hpp"
#include "pg/catalog/arguments.hpp"
#include "pg/write/releases.hpp"
#include "pg/declare/ddl.hpp"
#include "pg/declare/groups.hpp"
#include "pg/declare/declaration.hpp"
#include "pg/declare/derive.hpp"
#include "pg/declare/derived_notice.hpp"
#include "pg/base/functions.hpp"
#include "pg/declare/dependency_triggers.hpp"
#include "pg/declare/inputs.hpp"
#include "pg/load/load.hpp"
#include "pg/declare/lock_declared.hpp"
#include "pg/declare/options.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/pool/dropped_work.hpp"
#include "pg/base/spi.hpp"

extern "C" {
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
}

namespace cache_ext::pg {
namespace {

const char* array_of_types(const Declaration& d) {
    StringInfoData s;
    initStringInfo(&s);
    appendStringInfoChar(&s, '{');
    for (int i = 0; i < d.columns; ++i) {
        appendStringInfo(&s, "%s%u", i > 0 ? "," : "", d.key_types[i]);
    }
    appendStringInfoChar(&s, '}');
    return s.data;
}

// Dependencies that were declared for a cache of that name, which is not declared any more. SPI
// must be connected.
void drop_left_dependencies(const char* name) {
    const uint64 n = run_as_owner(dependency_table(),
                                  psprintf("DELETE FROM %s WHERE cache OPERATOR(pg_catalog.=) $1",
                                           in_internals("cache_dependency")),
                                  1, &name);
    if (n == 0) return;
    ereport(NOTICE, (errmsg("dependencies that were left from a cache \"%s\" are forgotten", name),
                     errhint("Declare them again with cache_invalidate_on.")));
}

// A statement of ours may have run an event trigger that has dropped it.
const char* loader_name(Oid loader) {
    const char* name = get_func_name(loader);
    const char* schema = name != nullptr ? get_namespace_name(get_func_namespace(loader)) : nullptr;
    if (schema == nullptr) {
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("the loader was dropped meanwhile")));
    }
    return quote_qualified_identifier(schema, name);
}

const char* new_identity() {
    uint64 id;
    do {
        if (!pg_strong_random(&id, sizeof(id))) {
            ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
                            errmsg("could not generate a random identity for the cache")));
        }
    } while (id == 0);
    return psprintf("%lld", static_cast<long long>(id));
}

void insert_definition(const Declaration& d, const Options& options) {
    const char* loader = OidIsValid(d.loader) ? loader_name(d.loader) : nullptr;
    constexpr int kFixed = 7;
    static_assert(kFixed + kOptions <= kMostParameters);
    const char* parameters[kFixed + kOptions] = {d.name,
                                                 new_identity(),
                                                 loader,
                                                 array_of_types(d),
                                                 psprintf("%u", d.value_type),
                                                 array_literal(settings_to_pin()),
                                                 d.aggregates ? "0" : nullptr};
    StringInfoData columns, values;
    initStringInfo(&columns);
    initStringInfo(&values);
    appendStringInfoString(
        &columns, "name, id, loader, key_types, value_type, settings, dependencies, aggregate");
    appendStringInfoString(&values,
                           "$1, $2::int8, $3, $4::regtype[], $5::regtype, $6::text[], 0, $7::int8");
    for (int i = 0; i < kOptions; ++i) {
        const auto option = static_cast<Option>(i);
        parameters[kFixed + i] = options[option];
        appendStringInfo(&columns, ", %s", option_info(option).name);
        appendStringInfo(&values, ", $%d::%s", kFixed + 1 + i, option_info(option).type);
    }
    run_as_owner(definition_table(),
                 psprintf("INSERT INTO %s (%s) VALUES (%s)", in_internals("cache_definition"),
                          columns.data, values.data),
                 kFixed + kOptions, parameters);
}

// The arguments of cache_create: these, and the options in the order of their table, with the types
// in between.
enum { kName, kLoader, kFirstOption, kKeyTypes = 15, kValueType };

Options options_given(FunctionCallInfo fcinfo) {
    Options options = {};
    const int nest = begin_plain_texts();
    for (int i = 0, argument = kFirstOption; i < kOptions; ++i, ++argument) {
        if (argument == kKeyTypes) argument = kValueType + 1;
        if (PG_ARGISNULL(argument)) {
            options.text[i] = option_info(static_cast<Option>(i)).if_null;
            continue;
        }
        const Oid type = get_fn_expr_argtype(fcinfo->flinfo, argument);
        if (type == REGPROCEDUREOID) {
            lock_function(PG_GETARG_OID(argument));
            options.text[i] = format_procedure_qualified(PG_GETARG_OID(argument));
            continue;
        }
        Oid output;
        bool varlena;
        getTypeOutputInfo(type, &output, &varlena);
        options.text[i] = OidOutputFunctionCall(output, PG_GETARG_DATUM(argument));
    }
    end_plain_texts(nest);
    return options;
}

Option option_by_name(const char* name, int length) {
    for (int i = 0; i < kOptions; ++i) {
        const auto option = static_cast<Option>(i);
        if (static_cast<int>(strlen(option_info(option).name)) == length &&
            strncmp(option_info(option).name, name, static_cast<size_t>(length)) == 0) {
            return option;
        }
    }
    StringInfoData all;
    initStringInfo(&all);
    for (int i = 0; i < kOptions; ++i) {
        appendStringInfo(&all, "%s%s", i > 0 ? ", " : "", option_info(static_cast<Option>(i)).name);
    }
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("a cache has no option \"%.*s\"", length, name),
                    errhint("Options are %s.", all.data)));
    pg_unreachable();
}

// The literal of a text[].
const char* json_texts(const JsonbValue& value, const char* option) {
    List* texts = NIL;
    JsonbIterator* it = JsonbIteratorInit(value.val.binary.data);
    JsonbValue item;
    for (JsonbIteratorToken token = JsonbIteratorNext(&it, &item, true); token != WJB_DONE;
         token = JsonbIteratorNext(&it, &item, true)) {
        if (token == WJB_BEGIN_ARRAY || token == WJB_END_ARRAY) continue;
        if (token != WJB_ELEM || item.type != jbvString) {
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("option %s must be an array of strings", option)));
        }
        texts =
            lappend(texts, pnstrdup(item.val.string.val, static_cast<Size>(item.val.string.len)));
    }
    return array_literal(texts);
}

const char* json_scalar(const JsonbValue& value, const char* option) {
    switch (value.type) {
        case jbvNull:
            return nullptr;
        case jbvString:
            return pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len));
        case jbvNumeric:
            return DatumGetCString(
                DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));
        case jbvBool:
            return value.val.boolean ? "t" : "f";
        default:
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("option %s must be a string, a number, a boolean or null", option)));
    }
    pg_unreachable();
}

// The options of a cache, which is locked, as they stand.
Options current_options(const char* cache) {
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfoString(&sql, "SELECT ");
    for (int i = 0; i < kOptions; ++i) {
        appendStringInfo(&sql, "%s%s::text", i > 0 ? ", " : "",
                         option_info(static_cast<Option>(i)).name);
    }
    appendStringInfo(&sql, " FROM %s WHERE name OPERATOR(pg_catalog.=) $1",
                     in_internals("cache_definition"));
    run_as_owner(definition_table(), sql.data, 1, &cache);
    Options options = {};
    for (int i = 0; i < kOptions; ++i) {
        options.text[i] = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1);
    }
    return options;
}

// Whoever shares a budget has asked its owner, and keeps it from being dropped.
void lock_budget(const Options& options) {
    const char* budget = options[Option::kBudget];
    if (budget != nullptr && lock_own_definition(require_definition(budget))->budget_id != 0) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("budget of a cache cannot be %s", budget),
                        errhint("That cache shares the budget of another one itself.")));
    }
}

bool invalidates(const Options& options, const char* how) {
    return strcmp(options[Option::kInvalidate], how) == 0;
}

// With invalidate => 'auto'. What is put has no text to derive anything from. That something cannot
// be declared is no reason to have no cache: it is tracked.
void derive(const char* cache) {
    CommandCounterIncrement();
    if (require_definition(cache)->loader_name == nullptr) return;
    const char* error;
    const LoaderAnalysis* analysis = try_to_declare_derived(cache, &error);
    if (analysis != nullptr) {
        report_derived(cache, analysis);
    } else {
        report_not_derived(cache, error);
    }
}

// ERROR 42501 unless the current user may drop the cache, 2BP01 if another one needs it.
void require_droppable(const Definition* d) {
    // Once the accessor is gone, whoever owned it can clean up, and whoever owns the schema.
    if (OidIsValid(d->accessor)) {
        require_owner(d);
    } else if (!(OidIsValid(d->declared_owner) &&
                 has_privs_of_role(GetUserId(), d->declared_owner)) &&
               !object_ownercheck(NamespaceRelationId, extension_schema(), GetUserId())) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("must be owner of schema %s to drop cache \"%s\"",
                               get_namespace_name(extension_schema()), d->name),
                        errdetail("Its accessor was dropped, and was another role's.")));
    }
    for (int i = 0; i < definition_count(); ++i) {
        const Definition* other = definition_at(i);
        if (other->budget_id != d->id) continue;
        ereport(ERROR, (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                        errmsg("cannot drop cache \"%s\" because cache \"%s\" shares its budget",
                               d->name, other->name),
                        errhint("Drop that cache first, or give it a budget of its own: "
                                "cache_alter('%s', '{\"budget\": null}').",
                                other->name)));
    }
}

}  // namespace

void write_declaration(const Declaration& d, const Options& options) {
    lock_budget(options);
    create_accessors(d);
    drop_left_dependencies(d.name);
    insert_definition(d, options);
}

extern "C" {
PG_FUNCTION_INFO_V1(cache_create_1_0);
PG_FUNCTION_INFO_V1(cache_alter_1_0);
PG_FUNCTION_INFO_V1(cache_drop_1_0);
}

extern "C" Datum cache_create_1_0(PG_FUNCTION_ARGS) {
    require_extension();
    require_store("cache_create");
    if (PG_ARGISNULL(kName)) {
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("cache name must not be null")));
    }
    Declaration d = {};
    d.name = checked_name(PG_GETARG_TEXT_PP(kName));
    require_undeclared(d.name);
    if (!PG_ARGISNULL(kLoader)) {
        if (!PG_ARGISNULL(kKeyTypes) || !PG_ARGISNULL(kValueType)) {
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("key_types and value_type cannot be given with a loader"),
                            errhint("They follow from the loader's arguments and result.")));
        }
        lock_function(PG_GETARG_OID(kLoader));
        read_loader(PG_GETARG_OID(kLoader), &d);
    } else {
        if (PG_ARGISNULL(kKeyTypes) || PG_ARGISNULL(kValueType)) {
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("a cache needs a loader, or key_types and value_type"),
                            errhint("For example loader => 'my_dashboard(uuid)', or key_types => "
                                    "'{uuid}', value_type => 'jsonb' for values that are put.")));
        }
        read_types(PG_GETARG_ARRAYTYPE_P(kKeyTypes), &d);
        d.value_type = PG_GETARG_OID(kValueType);
    }
    check_key_types(d);
    check_value_type(d.value_type);

    Options options = options_given(fcinfo);
    check_options(d.name, options);
    bool given[kOptions];
    std::fill_n(given, kOptions, true);
    check_row_loaders({d.columns, d.key_types, d.value_type}, OidIsValid(d.loader), given,
                      &options);
    if (const char* groups = options[Option::kGroups]) {
        options[Option::kGroups] = stored_groups(groups, d.columns, d.key_names, nullptr);
    }
    // Refresh-ahead is a default that makes sense only where there is a loader and a deadline, and
    // where workers can load what readers would.
    if (!OidIsValid(d.loader) || options[Option::kTtl] == nullptr || !others_load(options)) {
        options[Option::kRefreshAt] = nullptr;
    }

    connect_spi();
    write_declaration(d, options);
    SPI_finish();
    if (OidIsValid(d.loader)) {
        CommandCounterIncrement();
        check_inputs(require_definition(d.name));
    }
    if (invalidates(options, "auto")) derive(d.name);
    PG_RETURN_VOID();
}

extern "C" Datum cache_alter_1_0(PG_FUNCTION_ARGS) {
    require_extension();
    require_store("cache_alter");
    const Definition* d = named_cache(fcinfo);
    const char* name = pstrdup(d->name);  // definitions may be read again
    require_owner(d);
    if (PG_ARGISNULL(1)) {
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("options must not be null")));
    }
    Jsonb* json = PG_GETARG_JSONB_P(1);
    if (!JB_ROOT_IS_OBJECT(json)) {
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("options must be a JSON object"),
                 errhint("For example '{\"ttl\": \"1 min\", \"refresh_at\": null}'.")));
    }
    Options changed = {};
    bool given[kOptions] = {};
    JsonbIterator* it = JsonbIteratorInit(&json->root);
    JsonbValue value;
    Option option = {};  // the key before each value says which
    for (JsonbIteratorToken token = JsonbIteratorNext(&it, &value, true); token != WJB_DONE;
         token = JsonbIteratorNext(&it, &value, true)) {
        if (token == WJB_KEY) {
            option = option_by_name(value.val.string.val, value.val.string.len);
        } else if (token == WJB_VALUE) {
            const bool texts =
                option_info(option).type_oid == TEXTARRAYOID && value.type == jbvBinary;
            changed[option] = texts ? json_texts(value, option_info(option).name)
                                    : json_scalar(value, option_info(option).name);
            given[static_cast<int>(option)] = true;
            if (changed[option] == nullptr) changed[option] = option_info(option).if_null;
        }
    }
    connect_spi();
    // May wait for tables, so before the row is locked: cache_drop asks for both in this order.
    check_row_loaders(row_shape(d), d->loader_name != nullptr, given, &changed);
    d = lock_own_definition(d);
    if (const char* groups = changed[Option::kGroups]) {
        changed[Option::kGroups] = stored_groups(groups, d->columns, key_names_of(d), d);
    }
    Options options = current_options(name);
    const char* run_as = options[Option::kRunAs];
    for (int i = 0; i < kOptions; ++i) {
        if (given[i]) options.text[i] = changed.text[i];
    }
    const bool other_runner = strcmp(run_as, options[Option::kRunAs]) != 0;
    if (options[Option::kBudget] != nullptr) {
        for (int i = 0; i < definition_count(); ++i) {
            const Definition* other = definition_at(i);
            if (other->budget_id != d->id) continue;
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("cache \"%s\" cannot share a budget", name),
                            errdetail("Cache \"%s\" shares its own.", other->name)));
        }
    }
    check_options(name, options);
    if (d->aggregates) check_aggregate_options(options);
    lock_budget(options);

    const char* parameters[1 + kOptions] = {name};
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfo(&sql, "UPDATE %s SET ", in_internals("cache_definition"));
    // Whoever changes what readers may do asks shared memory whose loaders that matters to. So it
    // never changes there: the cache becomes another one.
    if (other_runner) appendStringInfo(&sql, "id = %s, ", new_identity());
    for (int i = 0; i < kOptions; ++i) {
        const auto o = static_cast<Option>(i);
        parameters[1 + i] = options[o];
        appendStringInfo(&sql, "%s%s = $%d::%s", i > 0 ? ", " : "", option_info(o).name, 2 + i,
                         option_info(o).type);
    }
    appendStringInfoString(&sql, " WHERE name OPERATOR(pg_catalog.=) $1");
    run_as_owner(definition_table(), sql.data, 1 + kOptions, parameters);
    // The options are gone with SPI.
    const bool declared = invalidates(options, "declared");
    const bool automatic = invalidates(options, "auto");
    SPI_finish();
    CommandCounterIncrement();
    const auto is_given = [&](Option o) { return given[static_cast<int>(o)]; };
    if (is_given(Option::kInvalidate) || is_given(Option::kUndeclared) ||
        is_given(Option::kVaryBy) || is_given(Option::kRunAs) || is_given(Option::kSameForAll)) {
        check_inputs(require_definition(name));
    }
    if (other_runner || declared) give_up_derived(name, other_runner);
    if (automatic && (other_runner || is_given(Option::kInvalidate))) derive(name);
    PG_RETURN_VOID();
}

extern "C" Datum cache_drop_1_0(PG_FUNCTION_ARGS) {
    require_extension();
    const Definition* d = named_cache(fcinfo, true);
    require_droppable(d);
    const uint64 id = d->id;
    const char* name = pstrdup(d->name);  // definitions may be read again
    List* relations = relations_with_triggers_for(d);
    // Before waiting for locks that its workers hold.
    hold_work(id);
    connect_spi();
    d = lock_definition(d);
    require_droppable(d);
    run_as_owner(dependency_table(),
                 psprintf("DELETE FROM %s WHERE cache OPERATOR(pg_catalog.=) $1",
                          in_internals("cache_dependency")),
                 1, &name);
    run_as_owner(definition_table(),
                 psprintf("DELETE FROM %s WHERE name OPERATOR(pg_catalog.=) $1",
                          in_internals("cache_definition")),
                 1, &name);
    drop_accessors(d);
    if (d->aggregates) drop_aggregate_parts(d);
    drop_needless_triggers(relations);
    SPI_finish();
    if (store_ready()) {
        release_at_commit(id);
    }
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
