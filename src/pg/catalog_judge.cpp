#include "pg/catalog_judge.hpp"

#include <utility>

#include "pg/ddl_writers.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_conversion.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_description.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_shdepend.h"
#include "catalog/pg_shdescription.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
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

// How a message about a catcache is understood.
enum class Meaning : uint8 {
    kUnknown,    // counts as harmful
    kHarmless,   // no query's result depends on it
    kElsewhere,  // every change of this catalog has another message that is looked at
    kRelation,   // the key is a relation
    kForeign,    // the key is a foreign table
    kRule,       // explained by the relation
    kType,
    kFunction,
    kAggregate,  // the key is a function: what pg_aggregate adds to it
    kInSchema,   // nobody but its session finds it in a temporary schema
    kSchema,
    kConstraint,
    kRole,
    kMembership,
    kDatabase,
};

Meaning meaning_of(int cache) {
    switch (cache) {
        case RELOID:  // come with a message about the relation
        case RELNAMENSP:
        case ATTNAME:
        case ATTNUM:
        case INDEXRELID:
        case TYPENAMENSP:  // come with one by OID
        case PROCNAMEARGSNSP:
        case NAMESPACENAME:
        case AUTHNAME:
        case OPERNAMENSP:
        case COLLNAMEENCNSP:
        case CLAAMNAMENSP:
        case OPFAMILYAMNAMENSP:
        case CONNAMENSP:
        case CONDEFAULT:
        case AUTHMEMROLEMEM:
            return Meaning::kElsewhere;
        case SEQRELID:
        case STATRELATTINH:
        case STATEXTDATASTXOID:
        case STATEXTNAMENSP:
        case STATEXTOID:
        case PUBLICATIONNAME:
        case PUBLICATIONNAMESPACE:
        case PUBLICATIONNAMESPACEMAP:
        case PUBLICATIONOID:
        case PUBLICATIONREL:
        case PUBLICATIONRELMAP:
        case SUBSCRIPTIONNAME:
        case SUBSCRIPTIONOID:
        case SUBSCRIPTIONRELMAP:
        case REPLORIGIDENT:
        case REPLORIGNAME:
        case EVENTTRIGGERNAME:  // loaders run no DDL
        case EVENTTRIGGEROID:
        case TABLESPACEOID:
        case DEFACLROLENSPOBJ:  // of objects that do not exist yet
            return Meaning::kHarmless;
        case PARTRELID:
            return Meaning::kRelation;
        case FOREIGNTABLEREL:
            return Meaning::kForeign;
        case RULERELNAME:
            return Meaning::kRule;
        case TYPEOID:
            return Meaning::kType;
        case PROCOID:
            return Meaning::kFunction;
        case AGGFNOID:
            return Meaning::kAggregate;
        case OPEROID:
        case COLLOID:
        case CLAOID:
        case OPFAMILYOID:
        case CONVOID:
            return Meaning::kInSchema;
        case NAMESPACEOID:
            return Meaning::kSchema;
        case CONSTROID:
            return Meaning::kConstraint;
        case AUTHOID:
            return Meaning::kRole;
        case AUTHMEMMEMROLE:
            return Meaning::kMembership;
        case DATABASEOID:
            return Meaning::kDatabase;
        default:
            return Meaning::kUnknown;
    }
}

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

// A catcache whose only key is an OID has hashes that can be turned back: murmurhash32 is a
// bijection. That this is how the server makes them is checked each time.
bool oid_of(int cache, uint32 hash, Oid* out) {
    uint32 h = hash;
    h ^= h >> 16;
    h *= 0x7ed1b41dU;
    h ^= h >> 13 ^ h >> 26;
    h *= 0xa5cb9243U;
    h ^= h >> 16;
    *out = h;
    return GetSysCacheHashValue1(cache, ObjectIdGetDatum(h)) == hash;
}

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

bool type_is_harmless(Judge* judge, Oid oid) {
    const RowPair row = row_of(&judge->sides, kTypes, oid);
    if (!row.changed() || only_temporary(row, Anum_pg_type_typnamespace)) return true;
    if (row.before == nullptr) {
        return belongs_to_table(judge, row.after) &&
               !takes_name(judge, kTypeNames,
                           NameStr(form_of<FormData_pg_type>(row.after)->typname), oid);
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
               !takes_name(judge, kFunctionNames,
                           NameStr(form_of<FormData_pg_proc>(row.after)->proname), oid);
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

void add_databases(Judge* judge, List* databases, bool everywhere) {
    judge->effect.everywhere |= everywhere;
    judge->effect.databases = list_concat_unique_oid(judge->effect.databases, databases);
}

void judge_role(Judge* judge, Oid oid) {
    // Nothing of what a loader does depends on how a role logs in, or may make databases.
    constexpr AttrNumber kLogin[] = {
        Anum_pg_authid_rolpassword,   Anum_pg_authid_rolvaliduntil,  Anum_pg_authid_rolconnlimit,
        Anum_pg_authid_rolcanlogin,   Anum_pg_authid_rolreplication, Anum_pg_authid_rolcreatedb,
        Anum_pg_authid_rolcreaterole,
    };
    const RowPair row = row_of(&judge->sides, kRoleRows, oid);
    // A new one owns nothing that existed, and one that is dropped owns nothing any more.
    if (row.before == nullptr || row.after == nullptr || !row.changed()) return;
    if (!differ_beyond(row.before, row.after, row.desc, kLogin, lengthof(kLogin))) return;
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
    if (!differ_beyond(row.before, row.after, row.desc, kHarmless, lengthof(kHarmless))) return;
    judge->effect.databases = list_append_unique_oid(judge->effect.databases, oid);
}

// What is not understood: of a shared catalog it concerns all databases.
void fear(Judge* judge, Oid database) {
    if (OidIsValid(database)) {
        judge->effect.database = true;
    } else {
        judge->effect.everywhere = true;
    }
}

void judge_catcache(Judge* judge, const SharedInvalCatcacheMsg& m, const List* rules) {
    const Meaning meaning = meaning_of(m.id);
    if (meaning == Meaning::kElsewhere || meaning == Meaning::kHarmless) return;
    if (OidIsValid(m.dbId) && judge->effect.database) return;  // it could not get worse
    if (meaning == Meaning::kMembership) {
        bool everywhere = false;
        List* databases = databases_of_memberships(&judge->roles, &everywhere);
        add_databases(judge, databases, everywhere);
        return;
    }
    if (meaning == Meaning::kRule) {
        if (!list_member_oid(rules, m.hashValue)) fear(judge, m.dbId);
        return;
    }
    Oid oid;
    if (meaning == Meaning::kUnknown || !oid_of(m.id, m.hashValue, &oid)) {
        fear(judge, m.dbId);
        return;
    }
    bool harmless = true;
    switch (meaning) {
        case Meaning::kRelation: {
            List* none = NIL;
            judge_relation(judge, oid, false, &none);
            break;
        }
        case Meaning::kForeign: {
            const RowPair row = row_of(&judge->sides, kClasses, oid);
            harmless = row.before == nullptr || row.after == nullptr;
            break;
        }
        case Meaning::kType:
            harmless = type_is_harmless(judge, oid);
            break;
        case Meaning::kFunction:
            harmless = function_is_harmless(judge, oid);
            break;
        case Meaning::kAggregate:
            harmless =
                only_temporary(row_of(&judge->sides, kFunctions, oid), Anum_pg_proc_pronamespace);
            break;
        case Meaning::kInSchema:
            harmless = in_schema_is_harmless(judge, m.id, oid);
            break;
        case Meaning::kSchema:
            harmless = schema_is_harmless(judge, oid);
            break;
        case Meaning::kConstraint:
            judge_constraint(judge, oid);
            break;
        case Meaning::kRole:
            judge_role(judge, oid);
            break;
        case Meaning::kDatabase:
            judge_database(judge, oid);
            break;
        default:
            break;
    }
    if (!harmless) fear(judge, m.dbId);
}

void judge_snapshot(Judge* judge, const SharedInvalSnapshotMsg& m) {
    switch (m.relId) {
        case DependRelationId:
        case SharedDependRelationId:
        case DescriptionRelationId:
        case SharedDescriptionRelationId:
            break;
        case DbRoleSettingRelationId: {
            bool everywhere = false;
            List* databases = databases_of_settings(&judge->roles, &everywhere);
            add_databases(judge, databases, everywhere);
            break;
        }
        default:
            fear(judge, m.dbId);
    }
}

struct Functions {
    Oid* all;
    int count;
    int capacity;
};
Functions own_functions = {};  // in memory of the transaction

struct Rewrite {
    Oid relation;
    Oid from;
    Oid to;
};
List* rewrites = NIL;  // Rewrite*, in memory of the transaction
bool rewriting = false;
Oid storage_before = InvalidOid;

Oid storage_of(Oid relation) {
    HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(row)) return InvalidOid;
    const Oid storage = form_of<FormData_pg_class>(row)->relfilenode;
    ReleaseSysCache(row);
    return storage;
}

}  // namespace

bool takes_name(Judge* judge, const Catalog& catalog, const char* name, Oid self) {
    if (judge->final && !judge->announced) {
        announce_ddl(MyDatabaseId, DdlScope::kNames);
        judge->announced = true;
    }
    NameData key;
    namestrcpy(&key, name);
    return any_row(&judge->sides, catalog, NameGetDatum(&key), other_than, &self);
}

CatalogEffect judge_messages(const SharedInvalidationMessage* messages, int count, bool final) {
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext work =
        AllocSetContextCreate(caller, "cache_ext catalog changes", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(work);
    Judge judge = {};
    judge.final = final;
    judge.roles = {&judge.sides, nullptr, final, -1};
    open_sides(&judge.sides);
    List* relations = NIL;
    bool want_rules = false;
    for (int i = 0; i < count; ++i) {
        if (messages[i].id == SHAREDINVALRELCACHE_ID) {
            relations = lappend_oid(relations, messages[i].rc.relId);
        }
        want_rules = want_rules || messages[i].id == RULERELNAME;
    }
    list_sort(relations, list_oid_cmp);
    list_deduplicate_oid(relations);
    List* rules = NIL;
    ListCell* cell;
    foreach (cell, relations) {
        CHECK_FOR_INTERRUPTS();
        // 0: all of them, for a publication of all tables; what changes has messages of its own.
        if (OidIsValid(lfirst_oid(cell))) {
            judge_relation(&judge, lfirst_oid(cell), want_rules, &rules);
        }
    }
    bool memberships = false;
    for (int i = 0; i < count; ++i) {
        CHECK_FOR_INTERRUPTS();
        const SharedInvalidationMessage& m = messages[i];
        if (m.id >= 0) {
            // All of them are looked at together.
            if (m.id == AUTHMEMMEMROLE && std::exchange(memberships, true)) continue;
            judge_catcache(&judge, m.cc, rules);
        } else if (m.id == SHAREDINVALSNAPSHOT_ID) {
            judge_snapshot(&judge, m.sn);
        } else if (m.id == SHAREDINVALCATALOG_ID) {
            fear(&judge, m.cat.dbId);
        }
    }
    // Without counts it has to be looked at whenever there was DDL.
    if (inheritance_changed() || !pgstat_track_counts) judge_inheritance(&judge);
    close_sides(&judge.sides);
    MemoryContextSwitchTo(caller);
    CatalogEffect effect = judge.effect;
    effect.databases = list_copy(effect.databases);
    effect.relations = list_copy(effect.relations);
    MemoryContextDelete(work);
    return effect;
}

bool is_own_function(Oid function) {
    Oid* end = own_functions.all + own_functions.count;
    return std::find(own_functions.all, end, function) != end;
}

void note_own_function(Oid function) {
    if (own_functions.count == own_functions.capacity) {
        own_functions.capacity = std::max(16, own_functions.capacity * 2);
        const size_t bytes = sizeof(Oid) * static_cast<size_t>(own_functions.capacity);
        own_functions.all = static_cast<Oid*>(own_functions.all == nullptr
                                                  ? MemoryContextAlloc(TopTransactionContext, bytes)
                                                  : repalloc(own_functions.all, bytes));
    }
    own_functions.all[own_functions.count++] = function;
}

// VACUUM, and CLUSTER of all tables, commit while they run; CLUSTER of one is part of a
// transaction.
void begin_harmless_rewrite(Oid relation) {
    rewriting = true;
    storage_before = OidIsValid(relation) ? storage_of(relation) : InvalidOid;
}

void end_harmless_rewrite() {
    rewriting = false;
}

void note_harmless_rewrite(Oid relation) {
    if (!OidIsValid(storage_before)) return;
    MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
    auto* rewrite = static_cast<Rewrite*>(palloc(sizeof(Rewrite)));
    *rewrite = {relation, storage_before, storage_of(relation)};
    rewrites = lappend(rewrites, rewrite);
    MemoryContextSwitchTo(old);
}

bool rewritten_harmlessly(Oid relation, Oid from, Oid to) {
    if (rewriting) return true;
    ListCell* cell;
    foreach (cell, rewrites) {
        const auto* r = static_cast<Rewrite*>(lfirst(cell));
        if (r->relation == relation && r->from == from) from = r->to;
    }
    return from == to;
}

void forget_catalog_changes() {
    own_functions = {};
    rewrites = NIL;
}

}  // namespace cache_ext::pg
