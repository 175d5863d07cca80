#include "pg/ddl/catalog_objects.hpp"

#include "pg/catalog/ddl_writers.hpp"
#include "pg/ddl/catalog_relations.hpp"
#include "pg/ddl/harmless_ddl.hpp"

extern "C" {
#include "catalog/indexing.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_conversion.h"
#include "catalog/pg_database.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

constexpr Catalog kClasses = {RelationRelationId, ClassOidIndexId, Anum_pg_class_oid};
constexpr Catalog kTypes = {TypeRelationId, TypeOidIndexId, Anum_pg_type_oid};
constexpr Catalog kTypeNames = {TypeRelationId, TypeNameNspIndexId, Anum_pg_type_typname};
constexpr Catalog kFunctions = {ProcedureRelationId, ProcedureOidIndexId, Anum_pg_proc_oid};
constexpr Catalog kFunctionNames = {ProcedureRelationId, ProcedureNameArgsNspIndexId,
                                    Anum_pg_proc_proname};
constexpr Catalog kSchemas = {NamespaceRelationId, NamespaceOidIndexId, Anum_pg_namespace_oid};
constexpr Catalog kConstraints = {ConstraintRelationId, ConstraintOidIndexId,
                                  Anum_pg_constraint_oid};
constexpr Catalog kRoleRows = {AuthIdRelationId, AuthIdOidIndexId, Anum_pg_authid_oid};
constexpr Catalog kDatabases = {DatabaseRelationId, DatabaseOidIndexId, Anum_pg_database_oid};

struct SchemaColumn {
    int cache;
    Catalog catalog;
    AttrNumber schema;
};

constexpr SchemaColumn kInSchemas[] = {
    {OPEROID,
     {OperatorRelationId, OperatorOidIndexId, Anum_pg_operator_oid},
     Anum_pg_operator_oprnamespace},
    {COLLOID,
     {CollationRelationId, CollationOidIndexId, Anum_pg_collation_oid},
     Anum_pg_collation_collnamespace},
    {CLAOID,
     {OperatorClassRelationId, OpclassOidIndexId, Anum_pg_opclass_oid},
     Anum_pg_opclass_opcnamespace},
    {OPFAMILYOID,
     {OperatorFamilyRelationId, OpfamilyOidIndexId, Anum_pg_opfamily_oid},
     Anum_pg_opfamily_opfnamespace},
    {CONVOID,
     {ConversionRelationId, ConversionOidIndexId, Anum_pg_conversion_oid},
     Anum_pg_conversion_connamespace},
};

Oid oid_in(HeapTuple row, TupleDesc desc, AttrNumber column) {
    bool null;
    const Datum value = heap_getattr(row, column, desc, &null);
    return null ? InvalidOid : DatumGetObjectId(value);
}

// Was it, and is it, only in temporary schemas?
bool only_temporary(const RowPair& row, AttrNumber schema) {
    return (row.before == nullptr || is_temporary(oid_in(row.before, row.desc, schema))) &&
           (row.after == nullptr || is_temporary(oid_in(row.after, row.desc, schema)));
}

// Of pg_type and pg_proc, which have these columns in the same places.
bool other_than(HeapTuple row, TupleDesc desc, void* self) {
    static_assert(Anum_pg_type_oid == Anum_pg_proc_oid &&
                  Anum_pg_type_typnamespace == Anum_pg_proc_pronamespace);
    return oid_in(row, desc, Anum_pg_type_oid) != *static_cast<const Oid*>(self) &&
           !is_temporary(oid_in(row, desc, Anum_pg_type_typnamespace));
}

// The row type of a table, or an array of those: it comes, goes and changes with the table.
bool belongs_to_table(Judge* judge, HeapTuple row) {
    const auto* type = form_of<FormData_pg_type>(row);
    if (OidIsValid(type->typelem) && !OidIsValid(type->typrelid)) {
        const RowPair element = row_of(&judge->sides, kTypes, type->typelem);
        HeapTuple e = element.after != nullptr ? element.after : element.before;
        if (e == nullptr || form_of<FormData_pg_type>(e)->typarray != type->oid) return false;
        type = form_of<FormData_pg_type>(e);
    }
    if (!OidIsValid(type->typrelid)) return false;
    const RowPair relation = row_of(&judge->sides, kClasses, type->typrelid);
    HeapTuple r = relation.after != nullptr ? relation.after : relation.before;
    return r != nullptr && form_of<FormData_pg_class>(r)->relkind != RELKIND_COMPOSITE_TYPE;
}

// Has a type or function that is new a name that others have, or make at the same time? See
// takes_relation_name(). The other kind counts, too: f('x') calls a function, or casts to a type.
bool takes_name(Judge* judge, const char* name, Oid type, Oid function) {
    if (judge->final && !judge->announced) {
        announce_ddl(MyDatabaseId, DdlScope::kNames);
        judge->announced = true;
    }
    NameData key;
    namestrcpy(&key, name);
    return any_row(&judge->sides, kTypeNames, NameGetDatum(&key), other_than, &type) ||
           any_row(&judge->sides, kFunctionNames, NameGetDatum(&key), other_than, &function);
}

}  // namespace

void add_databases(Judge* judge, List* databases, bool everywhere) {
    judge->effect.everywhere |= everywhere;
    judge->effect.databases = list_concat_unique_oid(judge->effect.databases, databases);
}

bool type_is_harmless(Judge* judge, Oid oid) {
    const RowPair row = row_of(&judge->sides, kTypes, oid);
    if (!row.changed() || only_temporary(row, Anum_pg_type_typnamespace)) return true;
    if (row.before == nullptr) {
        return belongs_to_table(judge, row.after) &&
               !takes_name(judge, NameStr(form_of<FormData_pg_type>(row.after)->typname), oid,
                           InvalidOid);
    }
    constexpr AttrNumber kAcl[] = {Anum_pg_type_typacl};
    return row.after != nullptr && !differ_beyond(row.before, row.after, row.desc, kAcl, 1) &&
           !privileges_matter(&judge->roles, row.before, row.after, row.desc, kAcl[0], OBJECT_TYPE,
                              form_of<FormData_pg_type>(row.before)->typowner);
}

bool function_is_harmless(Judge* judge, Oid oid) {
    const RowPair row = row_of(&judge->sides, kFunctions, oid);
    if (!row.changed() || only_temporary(row, Anum_pg_proc_pronamespace)) return true;
    if (row.before == nullptr) {
        return is_own_function(oid) &&
               !takes_name(judge, NameStr(form_of<FormData_pg_proc>(row.after)->proname),
                           InvalidOid, oid);
    }
    constexpr AttrNumber kAcl[] = {Anum_pg_proc_proacl};
    return row.after != nullptr && !differ_beyond(row.before, row.after, row.desc, kAcl, 1) &&
           !privileges_matter(&judge->roles, row.before, row.after, row.desc, kAcl[0],
                              OBJECT_FUNCTION, form_of<FormData_pg_proc>(row.before)->proowner);
}

bool schema_is_harmless(Judge* judge, Oid oid) {
    const RowPair row = row_of(&judge->sides, kSchemas, oid);
    if (!row.changed() || is_temporary(oid)) return true;
    constexpr AttrNumber kAcl[] = {Anum_pg_namespace_nspacl};
    return row.before != nullptr && row.after != nullptr &&
           !differ_beyond(row.before, row.after, row.desc, kAcl, 1) &&
           !privileges_matter(&judge->roles, row.before, row.after, row.desc, kAcl[0],
                              OBJECT_SCHEMA, form_of<FormData_pg_namespace>(row.before)->nspowner);
}

// Without a unique constraint something else may follow from a key; the others change no result.
void judge_constraint(Judge* judge, Oid oid) {
    const RowPair row = row_of(&judge->sides, kConstraints, oid);
    if (!row.changed()) return;
    const auto* form =
        form_of<FormData_pg_constraint>(row.before != nullptr ? row.before : row.after);
    if (OidIsValid(form->contypid)) {
        const RowPair type = row_of(&judge->sides, kTypes, form->contypid);
        if (!only_temporary(type, Anum_pg_type_typnamespace)) judge->effect.database = true;
        return;
    }
    const bool key = form->contype == CONSTRAINT_PRIMARY || form->contype == CONSTRAINT_UNIQUE ||
                     form->contype == CONSTRAINT_EXCLUSION;
    if (key && row.after == nullptr) {
        judge->effect.relations = list_append_unique_oid(judge->effect.relations, form->conrelid);
    }
}

bool in_schema_is_harmless(Judge* judge, int cache, Oid oid) {
    for (const SchemaColumn& s : kInSchemas) {
        if (s.cache != cache) continue;
        const RowPair row = row_of(&judge->sides, s.catalog, oid);
        return !row.changed() || only_temporary(row, s.schema);
    }
    return false;
}

void judge_role(Judge* judge, Oid oid) {
    // Nothing of what a loader does depends on how a role logs in, or may make databases; it would
    // have to read pg_authid.
    constexpr AttrNumber kLogin[] = {
        Anum_pg_authid_rolpassword,   Anum_pg_authid_rolvaliduntil,  Anum_pg_authid_rolconnlimit,
        Anum_pg_authid_rolcanlogin,   Anum_pg_authid_rolreplication, Anum_pg_authid_rolcreatedb,
        Anum_pg_authid_rolcreaterole,
    };
    const RowPair row = row_of(&judge->sides, kRoleRows, oid);
    // A new one owns nothing that existed.
    if (row.before == nullptr || !row.changed()) return;
    // A loader of any database may have shown the name (regrole, pg_get_userbyid).
    constexpr AttrNumber kName = Anum_pg_authid_rolname;
    if (row.after == nullptr || differ(row.before, row.after, row.desc, kName)) {
        judge->effect.everywhere = true;
        return;
    }
    if (!differ_beyond(row.before, row.after, row.desc, kLogin, lengthof(kLogin))) return;
    judge->roles.all_readers = true;
    bool everywhere = false;
    List* databases = databases_of_role(&judge->roles, oid, false, &everywhere);
    add_databases(judge, databases, everywhere);
}

void judge_database(Judge* judge, Oid oid) {
    constexpr AttrNumber kHarmless[] = {
        Anum_pg_database_datistemplate, Anum_pg_database_datallowconn,
        Anum_pg_database_datconnlimit,  Anum_pg_database_datfrozenxid,
        Anum_pg_database_datminmxid,    Anum_pg_database_dattablespace,
        Anum_pg_database_datacl,        Anum_pg_database_datcollversion,
    };
    const RowPair row = row_of(&judge->sides, kDatabases, oid);
    if (row.before == nullptr || row.after == nullptr || !row.changed()) return;
    if (!differ_beyond(row.before, row.after, row.desc, kHarmless, lengthof(kHarmless)) &&
        !privileges_matter(&judge->roles, row.before, row.after, row.desc, Anum_pg_database_datacl,
                           OBJECT_DATABASE, form_of<FormData_pg_database>(row.before)->datdba,
                           oid)) {
        return;
    }
    judge->effect.databases = list_append_unique_oid(judge->effect.databases, oid);
}

bool aggregate_is_harmless(Judge* judge, Oid oid) {
    return only_temporary(row_of(&judge->sides, kFunctions, oid), Anum_pg_proc_pronamespace);
}

bool foreign_table_is_harmless(Judge* judge, Oid oid) {
    const RowPair row = row_of(&judge->sides, kClasses, oid);
    return row.before == nullptr || row.after == nullptr;
}

}  // namespace cache_ext::pg
