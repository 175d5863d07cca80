#include "pg/declaration.hpp"

#include "pg/changes.hpp"
#include "pg/ddl.hpp"
#include "pg/definition_rows.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/catcache.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

char* type_name(Oid type) {
    return format_type_be_qualified(type);
}

// Are there rows in values of the type?
bool contains_row(Oid type) {
    type = getBaseType(type);
    const Oid element = get_element_type(type);
    if (OidIsValid(element)) return contains_row(element);
    const char kind = get_typtype(type);
    return kind != TYPTYPE_BASE && kind != TYPTYPE_ENUM;
}

// "(user_id uuid, params jsonb)" or, for GRANT and the like, "(uuid, jsonb)".
char* parameter_list(const Declaration& d, bool names, const char* more) {
    StringInfoData s;
    initStringInfo(&s);
    appendStringInfoChar(&s, '(');
    for (int i = 0; i < d.columns; ++i) {
        appendStringInfo(&s, "%s%s%s%s", i > 0 ? ", " : "",
                         names ? quote_identifier(d.key_names[i]) : "", names ? " " : "",
                         type_name(d.key_types[i]));
    }
    appendStringInfo(&s, "%s%s)", d.columns > 0 && more[0] != '\0' ? ", " : "", more);
    return s.data;
}

char* positions(int columns) {
    StringInfoData s;
    initStringInfo(&s);
    for (int i = 1; i <= columns; ++i) appendStringInfo(&s, ", $%d", i);
    return s.data;
}

// The body of an accessor is parsed here and now: it calls what it was made with, and goes on doing
// so whatever is renamed or created later. But ALTER refuses to change a row type that a parsed
// body uses. There it is a string, all names of which are qualified; the one that matters is in a
// schema where nobody else can create.
char* function_body(const Declaration& d, const char* expression) {
    return contains_row(d.value_type)
               ? psprintf("AS %s", quote_literal_cstr(psprintf("SELECT %s", expression)))
               : psprintf("RETURN %s", expression);
}

char* set_function_body(const Declaration& d, const char* query) {
    return contains_row(d.value_type) ? psprintf("AS %s", quote_literal_cstr(query))
                                      : psprintf("BEGIN ATOMIC %s; END", query);
}

// Runs CREATE FUNCTION for an accessor, closes it to the public, and ties it to the extension.
void create_function(const char* name, const char* signature, const char* types, const char* rest,
                     const char* body) {
    CatCList* others = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
    const bool overload = others->n_members > 0;
    ReleaseSysCacheList(others);
    if (overload) collect_hard_database();  // it changes what a call means
    run_sql(psprintf("CREATE FUNCTION %s%s %s %s", in_extension(name), signature, rest, body));
    run_sql(psprintf("REVOKE ALL ON FUNCTION %s%s FROM PUBLIC", in_extension(name), types));
    const Datum oid = DirectFunctionCall1(
        regprocedurein, CStringGetDatum(psprintf("%s%s", in_extension(name), types)));
    depend_on_extension(ProcedureRelationId, DatumGetObjectId(oid));
}

void drop_function_of(const Definition* d, const char* format, int more, Oid last) {
    Oid types[kMaxKeyColumns + 1];
    std::copy_n(d->key_types, d->columns, types);
    if (more == 1) types[d->columns] = last;
    int count = d->columns + more;
    if (more < 0) {
        types[0] = last;
        count = 1;
    }
    char name[NAMEDATALEN * 2];
    snprintf(name, sizeof(name), format, d->name);
    if (strlen(name) >= NAMEDATALEN) return;
    const Oid function = find_function(extension_schema(), name, count, types);
    if (OidIsValid(function)) drop_object(ProcedureRelationId, function);
}

}  // namespace

void create_accessors(const Declaration& d) {
    const char* value = type_name(d.value_type);
    const char* literal = quote_literal_cstr(d.name);
    const char* parallel = d.parallel == PROPARALLEL_UNSAFE ? "UNSAFE" : "RESTRICTED";
    create_function(psprintf("cache_get_%s", d.name), parameter_list(d, true, ""),
                    parameter_list(d, false, ""),
                    psprintf("RETURNS %s LANGUAGE sql STABLE PARALLEL %s", value, parallel),
                    function_body(d, psprintf("%s(NULL::%s, %s%s)", in_internals("cache_fetch"),
                                              value, literal, positions(d.columns))));
    if (d.columns == 1) {
        const char* many = psprintf("cache_get_many_%s", d.name);
        if (strlen(many) < NAMEDATALEN) {
            const char* key = type_name(d.key_types[0]);
            create_function(
                many, psprintf("(keys %s[])", key), psprintf("(%s[])", key),
                psprintf("RETURNS TABLE (key %s, value %s) LANGUAGE sql STABLE PARALLEL %s", key,
                         value, parallel),
                // OFFSET 0: the array is computed once, not per key. A query that returns sets
                // stays apart, so a value is fetched once, however often it is used.
                set_function_body(
                    d, psprintf("SELECT pg_catalog.unnest(a.keys), %s(NULL::%s, %s, a.keys) FROM "
                                "(SELECT $1 AS keys OFFSET 0) AS a",
                                in_internals("cache_fetch_of"), value, literal)));
        } else {
            ereport(NOTICE, (errmsg("cache \"%s\" gets no cache_get_many function", d.name),
                             errdetail("Its name would be longer than an identifier.")));
        }
    }
    if (!OidIsValid(d.loader)) {
        create_function(psprintf("cache_put_%s", d.name),
                        parameter_list(d, true, psprintf("value %s", value)),
                        parameter_list(d, false, value), "RETURNS void LANGUAGE sql VOLATILE",
                        function_body(d, psprintf("%s(%s, $%d%s)", in_internals("cache_put_value"),
                                                  literal, d.columns + 1, positions(d.columns))));
    }
}

void drop_accessors(const Definition* d) {
    drop_function_of(d, "cache_get_%s", 0, InvalidOid);
    drop_function_of(d, "cache_put_%s", 1, d->value_type);
    if (d->columns == 1) {
        drop_function_of(d, "cache_get_many_%s", -1, get_array_type(d->key_types[0]));
    }
}

}  // namespace cache_ext::pg
