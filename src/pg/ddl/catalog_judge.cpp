#include "pg/ddl/catalog_judge.hpp"

#include <utility>

#include "pg/base/compat.hpp"
#include "pg/ddl/catalog_objects.hpp"
#include "pg/ddl/catalog_relations.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_description.h"
#include "catalog/pg_shdepend.h"
#include "catalog/pg_shdescription.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

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
    if (is_cache_of_extensions(cache))
        return Meaning::kHarmless;  // its objects have messages of their own
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

// A catcache whose only key is an OID has hashes that can be turned back: murmurhash32 is a
// bijection. That this is how the server makes them is checked each time.
bool oid_of(SysCacheIdentifier cache, uint32 hash, Oid* out) {
    uint32 h = hash;
    h ^= h >> 16;
    h *= 0x7ed1b41dU;
    h ^= h >> 13 ^ h >> 26;
    h *= 0xa5cb9243U;
    h ^= h >> 16;
    *out = h;
    return GetSysCacheHashValue1(cache, ObjectIdGetDatum(h)) == hash;
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
    if (meaning == Meaning::kUnknown ||
        !oid_of(static_cast<SysCacheIdentifier>(m.id), m.hashValue, &oid)) {
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
        case Meaning::kForeign:
            harmless = foreign_table_is_harmless(judge, oid);
            break;
        case Meaning::kType:
            harmless = type_is_harmless(judge, oid);
            break;
        case Meaning::kFunction:
            harmless = function_is_harmless(judge, oid);
            break;
        case Meaning::kAggregate:
            harmless = aggregate_is_harmless(judge, oid);
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

}  // namespace

CatalogEffect judge_messages(const SharedInvalidationMessage* messages, int count, bool final) {
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext work =
        AllocSetContextCreate(caller, "cache_ext catalog changes", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(work);
    Judge judge = {};
    judge.final = final;
    judge.roles = {&judge.sides, nullptr, final, -1, false, false};
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
    effect.readers = judge.roles.readers;
    effect.all_readers = judge.roles.all_readers;
    MemoryContextDelete(work);
    return effect;
}

}  // namespace cache_ext::pg
