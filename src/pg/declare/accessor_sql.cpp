#include "pg/base/compat.hpp"
#include "pg/declare/declaration.hpp"

#include "pg/declare/ddl.hpp"
#include "pg/base/functions.hpp"
#include "pg/declare/reserved_names.hpp"
#include "pg/declare/rivals.hpp"

extern "C" {
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "access/htup_details.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

char* type_name(Oid type) {
    return format_type_be_qualified(type);
}

// What ALTER changes of rows that values are, or are arrays of; InvalidOid: they are no rows.
Oid relation_of_rows(Oid type) {
    const Oid element = get_element_type(type);
    return get_typ_typrelid(OidIsValid(element) ? element : type);
}

bool contains_domain(Oid key_type) {
    switch (get_typtype(key_type)) {
        case TYPTYPE_DOMAIN:
            return true;
        case TYPTYPE_RANGE:
            return contains_domain(get_range_subtype(key_type));
        case TYPTYPE_MULTIRANGE:
            return contains_domain(get_multirange_range(key_type));
        default:
            return false;
    }
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

// An expression of that type which is NULL. A domain may refuse NULL, which is asked when a cast is
// run, but not of an element that is not there.
char* null_of(Oid type) {
    const bool may_refuse = get_typtype(type) == TYPTYPE_DOMAIN && OidIsValid(get_array_type(type));
    return psprintf(may_refuse ? "(NULL::%s[])[1]" : "NULL::%s", type_name(type));
}

// The body of an accessor is parsed here and now: it calls what it was made with, and goes on doing
// so whatever is renamed or created later. A string would name the type of the value, and somebody
// else's type of that name, its CHECK or a cast from it, would run as whoever reads.
char* function_body(const char* expression) {
    return psprintf("RETURN %s", expression);
}

// No constraints may be added to a domain that a parsed body has an array of. There it is a string,
// and the value's type must be one of the server's own.
bool set_function_is_string(const Declaration& d) {
    return std::any_of(d.key_types, d.key_types + d.columns, contains_domain);
}

char* set_function_body(const Declaration& d, const char* query) {
    return set_function_is_string(d) ? psprintf("AS %s", quote_literal_cstr(query))
                                     : psprintf("BEGIN ATOMIC %s; END", query);
}

void forget_dependency(Oid function, Oid type) {
    CommandCounterIncrement();
    deleteDependencyRecordsForSpecific(ProcedureRelationId, function, DEPENDENCY_NORMAL,
                                       TypeRelationId, type);
}

// ALTER refuses to change a row type that a function with a parsed body depends on, and a domain
// whose arrays it has. The body of an accessor has nothing of the rows but their type, whatever
// their columns are; so the function depends on the type's relation instead, with which the type
// goes. Of a domain's arrays it has none that has elements (null_of), and they go with the domain,
// which it returns.
void loosen_dependency(Oid function, Oid value_type) {
    if (get_typtype(value_type) == TYPTYPE_DOMAIN) {
        forget_dependency(function, get_array_type(value_type));
        return;
    }
    const Oid relation = relation_of_rows(value_type);
    if (!OidIsValid(relation)) return;
    forget_dependency(function, value_type);
    ObjectAddress self, behind;
    ObjectAddressSet(self, ProcedureRelationId, function);
    ObjectAddressSet(behind, RelationRelationId, relation);
    recordDependencyOn(&self, &behind, DEPENDENCY_NORMAL);
}

// What looks like a call of a function with one literal means a type of that name first.
void require_no_type(const char* name) {
    const Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
                                     ObjectIdGetDatum(extension_schema()));
    if (!OidIsValid(type) || OidIsValid(get_typ_typrelid(type))) return;
    ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
                    errmsg("type %s already exists", format_type_be_qualified(type)),
                    errhint("Give the cache another name: calls of its function would be taken for "
                            "casts to that type.")));
}

// What is left of a cache that is not declared any more goes, if it is the caller's. False: the
// function is in the way.
bool drop_left_function(Oid function) {
    const auto left = [&] {
        return depends_on_extension(function) &&
               object_ownercheck(ProcedureRelationId, function, GetUserId());
    };
    if (!left()) return false;
    if (!lock_to_drop(ProcedureRelationId, function)) return true;
    if (!left()) return false;
    const char* signature = format_procedure_qualified(function);
    drop_locked(ProcedureRelationId, function);
    ereport(NOTICE, (errmsg("function %s is replaced", signature),
                     errdetail("It was left from a cache that was not declared any more."),
                     errhint("GRANT EXECUTE on it again to whoever may read the cache.")));
    return true;
}

// ERROR 42723 if the extension's schema has a function of that name, anybody's or another role's:
// calls could mean that one. What is left of the caller's own goes.
void require_free(const char* name) {
    require_no_type(name);
    CatCList* others = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
    List* there = NIL;
    for (int i = 0; i < others->n_members; ++i) {
        auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(&others->members[i]->tuple));
        if (proc->pronamespace == extension_schema()) there = lappend_oid(there, proc->oid);
    }
    ReleaseSysCacheList(others);
    Oid taken = InvalidOid;
    ListCell* cell;
    foreach (cell, there) {
        if (!drop_left_function(lfirst_oid(cell))) taken = lfirst_oid(cell);
    }
    if (!OidIsValid(taken)) return;
    const char* function = format_procedure_qualified(taken);
    ereport(ERROR,
            (errcode(ERRCODE_DUPLICATE_FUNCTION), errmsg("function %s already exists", function),
             depends_on_extension(taken)
                 ? errhint("It is left from another role's cache that is not declared any more: "
                           "have its owner DROP FUNCTION %s, or give the cache another name.",
                           function)
                 : errhint("Give the cache another name; its functions must be the only ones of "
                           "theirs in that schema.")));
}

// Runs CREATE FUNCTION for an accessor, closes it to the public, and ties it to the extension.
void create_function(const char* name, const char* signature, const char* types, const char* rest,
                     const char* body, Oid value_type) {
    require_free(name);
    run_sql(psprintf("CREATE FUNCTION %s%s %s %s", in_extension(name), signature, rest, body));
    run_sql(psprintf("REVOKE ALL ON FUNCTION %s%s FROM PUBLIC", in_extension(name), types));
    const Datum oid = DirectFunctionCall1(
        regprocedurein, CStringGetDatum(psprintf("%s%s", in_extension(name), types)));
    require_only_one(DatumGetObjectId(oid));
    depend_on_extension(ProcedureRelationId, DatumGetObjectId(oid));
    loosen_dependency(DatumGetObjectId(oid), value_type);
}

// A function of that name that was made for the cache: one of its owner's, which goes with the
// extension. Others may have functions of the name, too.
Oid function_of(const Definition* d, const char* prefix, const Oid* types, int count) {
    char name[NAMEDATALEN * 2];
    snprintf(name, sizeof(name), "%s%s", prefix, d->name);
    if (strlen(name) >= NAMEDATALEN) return InvalidOid;
    const Oid function = find_function(extension_schema(), name, count, types);
    if (!OidIsValid(function)) return InvalidOid;
    const Oid owner = OidIsValid(d->owner) ? d->owner : d->declared_owner;
    return owner_of_function(function) == owner && depends_on_extension(function) ? function
                                                                                  : InvalidOid;
}

// Whose it is may change while this waits.
template <typename Find>
void drop_found(Find find) {
    const Oid function = find();
    if (!OidIsValid(function) || !lock_to_drop(ProcedureRelationId, function)) return;
    if (find() == function) drop_locked(ProcedureRelationId, function);
}

// It is the owner's, who may have given it away.
void drop_row_type(const Definition* d) {
    const Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
                                     CStringGetDatum(psprintf("cache_row_%s", d->name)),
                                     ObjectIdGetDatum(extension_schema()));
    if (!OidIsValid(type) || type != d->value_type ||
        !object_ownercheck(TypeRelationId, type, GetUserId())) {
        return;
    }
    LockDatabaseObject(TypeRelationId, type, 0, AccessExclusiveLock);
    if (SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type))) drop_locked(TypeRelationId, type);
}

// Arrays of the key columns; false: one of them, or there is no column, has none (there are no
// arrays of arrays).
bool array_types(int columns, const Oid* key_types, Oid* arrays) {
    for (int i = 0; i < columns; ++i) {
        arrays[i] = get_array_type(key_types[i]);
        if (!OidIsValid(arrays[i])) return false;
    }
    return columns > 0;
}

// "keys" and "key", or with more than one column "keys1" and "key1"...
const char* many_name(const char* name, int columns, int i) {
    return columns == 1 ? name : psprintf("%s%d", name, i + 1);
}

void create_many_accessor(const Declaration& d, const char* parallel) {
    Oid arrays[kMaxKeyColumns];
    if (!array_types(d.columns, d.key_types, arrays)) return;
    const char* name = psprintf("cache_get_many_%s", d.name);
    if (strlen(name) >= NAMEDATALEN) {
        ereport(NOTICE, (errmsg("cache \"%s\" gets no cache_get_many function", d.name),
                         errdetail("Its name would be longer than an identifier.")));
        return;
    }
    if (set_function_is_string(d) && d.value_type >= FirstNormalObjectId) {
        ereport(NOTICE, (errmsg("cache \"%s\" gets no cache_get_many function", d.name),
                         errdetail("Its keys are of a domain, and its values of type %s.",
                                   type_name(d.value_type)),
                         errhint("Use a loader whose arguments are of the base type.")));
        return;
    }
    StringInfoData parameters, types, table, unnested, arguments, given;
    initStringInfo(&parameters);
    initStringInfo(&types);
    initStringInfo(&table);
    initStringInfo(&unnested);
    initStringInfo(&arguments);
    initStringInfo(&given);
    for (int i = 0; i < d.columns; ++i) {
        const char* key = type_name(d.key_types[i]);
        const char* keys = many_name("keys", d.columns, i);
        const char* comma = i > 0 ? ", " : "";
        appendStringInfo(&parameters, "%s%s %s[]", comma, keys, key);
        appendStringInfo(&types, "%s%s[]", comma, key);
        appendStringInfo(&table, "%s %s, ", many_name("key", d.columns, i), key);
        appendStringInfo(&unnested, "pg_catalog.unnest(a.%s), ", keys);
        appendStringInfo(&arguments, ", a.%s", keys);
        appendStringInfo(&given, "%s$%d AS %s", comma, i + 1, keys);
    }
    const char* value = type_name(d.value_type);
    create_function(
        name, psprintf("(%s)", parameters.data), psprintf("(%s)", types.data),
        psprintf("RETURNS TABLE (%svalue %s) LANGUAGE sql STABLE PARALLEL %s", table.data, value,
                 parallel),
        // OFFSET 0: the arrays are computed once, not per key. A query that returns sets stays
        // apart, so a value is fetched once, however often it is used.
        set_function_body(
            d, psprintf("SELECT %s%s(%s, %s%s) FROM (SELECT %s OFFSET 0) AS a", unnested.data,
                        in_internals("cache_fetch_of"), null_of(d.value_type),
                        quote_literal_cstr(d.name), arguments.data, given.data)),
        d.value_type);
}

Oid many_function(const Definition* d) {
    Oid arrays[kMaxKeyColumns];
    if (!array_types(d->columns, d->key_types, arrays)) return InvalidOid;
    return function_of(d, "cache_get_many_", arrays, d->columns);
}

// What is made for caches without a loader, by Writer.
struct WriterForm {
    const char* prefix;
    bool expected;         // there is an argument for the value that is to be replaced
    bool immediate;        // ... for whether to wait for the commit
    const char* returns;   // nullptr: the value
    const char* internal;  // what the body calls; nullptr: cache_get_or_put_<name> has its own
};
constexpr WriterForm kWriters[] = {
    {"cache_put_", false, true, "void", "cache_put_value"},
    {"cache_add_", false, false, "pg_catalog.bool", "cache_add_value"},
    {"cache_replace_", true, false, "pg_catalog.bool", "cache_replace_value"},
    {"cache_get_or_put_", false, false, nullptr, nullptr},
};

// Types of the arguments; returns how many there are.
int writer_types(const WriterForm& form, int columns, const Oid* key_types, Oid value_type,
                 Oid* types) {
    std::copy_n(key_types, columns, types);
    int n = columns;
    if (form.expected) types[n++] = value_type;
    types[n++] = value_type;
    types[n++] = INTERVALOID;
    if (form.immediate) types[n++] = BOOLOID;
    return n;
}

// The value is used once, and only where nothing was found: PostgreSQL puts the argument itself
// there when it inlines the function, so it is not computed for a hit.
char* get_or_put_body(const Declaration& d, const char* literal) {
    const char* key = positions(d.columns);
    return psprintf("CASE WHEN %s(%s%s) THEN %s(%s) ELSE %s(%s, $%d, $%d%s) END",
                    in_internals("cache_seek"), literal, key, in_internals("cache_sought"),
                    null_of(d.value_type), in_internals("cache_keep_value"), literal, d.columns + 1,
                    d.columns + 2, key);
}

void create_writer(const Declaration& d, const WriterForm& form) {
    const char* name = psprintf("%s%s", form.prefix, d.name);
    if (strlen(name) >= NAMEDATALEN) {
        ereport(NOTICE, (errmsg("cache \"%s\" gets no function %s...", d.name, form.prefix),
                         errdetail("Its name would be longer than an identifier.")));
        return;
    }
    const char* value = type_name(d.value_type);
    const char* literal = quote_literal_cstr(d.name);
    const char* expected = form.expected ? psprintf("expected %s, ", value) : "";
    const char* immediate = form.immediate ? ", immediate pg_catalog.bool DEFAULT false" : "";
    Oid types[kMaxKeyColumns + 4];
    const int count = writer_types(form, d.columns, d.key_types, d.value_type, types);
    StringInfoData list, given;
    initStringInfo(&list);
    initStringInfo(&given);
    for (int i = 0; i < count; ++i) {
        appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", type_name(types[i]));
    }
    for (int i = d.columns + 1; i <= count; ++i) appendStringInfo(&given, ", $%d", i);
    const char* body = form.internal == nullptr
                           ? get_or_put_body(d, literal)
                           : psprintf("%s(%s%s%s)", in_internals(form.internal), literal,
                                      given.data, positions(d.columns));
    create_function(name,
                    parameter_list(d, true,
                                   psprintf("%svalue %s, ttl pg_catalog.interval DEFAULT NULL%s",
                                            expected, value, immediate)),
                    psprintf("(%s)", list.data),
                    psprintf("RETURNS %s LANGUAGE sql VOLATILE",
                             form.returns != nullptr ? form.returns : value),
                    function_body(body), d.value_type);
}

Oid writer_function(const Definition* d, const WriterForm& form) {
    if (d->loader_name != nullptr || !OidIsValid(d->accessor)) return InvalidOid;
    Oid types[kMaxKeyColumns + 4];
    const int count = writer_types(form, d->columns, d->key_types, d->value_type, types);
    return function_of(d, form.prefix, types, count);
}

}  // namespace

void create_accessors(const Declaration& d) {
    const char* value = type_name(d.value_type);
    const char* literal = quote_literal_cstr(d.name);
    const char* parallel = d.parallel == PROPARALLEL_UNSAFE ? "UNSAFE" : "RESTRICTED";
    create_function(psprintf("cache_get_%s", d.name), parameter_list(d, true, ""),
                    parameter_list(d, false, ""),
                    psprintf("RETURNS %s LANGUAGE sql STABLE PARALLEL %s", value, parallel),
                    function_body(psprintf("%s(%s, %s%s)", in_internals("cache_fetch"),
                                           null_of(d.value_type), literal, positions(d.columns))),
                    d.value_type);
    create_many_accessor(d, parallel);
    if (OidIsValid(d.loader)) return;
    for (const WriterForm& form : kWriters) create_writer(d, form);
}

Oid create_aggregate_loader(const Declaration& d, bool in_row, const char* body) {
    const char* name = psprintf("cache_sum_%s", d.name);
    create_function(name, parameter_list(d, true, ""), parameter_list(d, false, ""),
                    psprintf("RETURNS %s LANGUAGE sql STABLE PARALLEL SAFE",
                             in_row ? "pg_catalog.record" : "pg_catalog.numeric[]"),
                    body, InvalidOid);
    return find_function(extension_schema(), name, d.columns, d.key_types);
}

void drop_aggregate_parts(const Definition* d) {
    // Whoever has replaced it has untied it from the extension.
    drop_found([&] {
        const Oid loader = find_function(extension_schema(), psprintf("cache_sum_%s", d->name),
                                         d->columns, d->key_types);
        const Oid owner = OidIsValid(d->owner) ? d->owner : d->declared_owner;
        return owner_of_function(loader) == owner ? loader : InvalidOid;
    });
    drop_row_type(d);
}

Oid writer_function(const Definition* d, Writer writer) {
    return writer_function(d, kWriters[static_cast<int>(writer)]);
}

void free_row_type(const Definition* d) {
    const auto free = [&](Oid function) {
        if (OidIsValid(function)) loosen_dependency(function, d->value_type);
    };
    free(d->accessor);
    free(many_function(d));
    for (const WriterForm& form : kWriters) free(writer_function(d, form));
}

void drop_accessors(const Definition* d) {
    if (OidIsValid(d->accessor)) drop_object(ProcedureRelationId, d->accessor);
    for (const WriterForm& form : kWriters) {
        drop_found([&] { return writer_function(d, form); });
    }
    drop_found([&] { return many_function(d); });
}

const char* function_beside(const Definition* d) {
    const auto beside = [&](const char* prefix, Oid function) -> const char* {
        const char* name = psprintf("%s%s", prefix, d->name);
        if (strlen(name) >= NAMEDATALEN) return nullptr;
        const Rivals rivals = {name, extension_schema(), function, false};
        return find_rival(rivals, extension_oid()).of != RivalOf::kNobody ? name : nullptr;
    };
    if (const char* name = beside("cache_get_", d->accessor)) return name;
    if (const char* name = beside("cache_get_many_", many_function(d))) return name;
    for (const WriterForm& form : kWriters) {
        if (const char* name = beside(form.prefix, writer_function(d, form))) return name;
    }
    return nullptr;
}

}  // namespace cache_ext::pg
