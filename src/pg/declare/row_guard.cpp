// The trigger on the extension's own tables: what may be written there, and by whom.
//
// The functions that declare write as the tables' owner, after checks of their own. Beside them a
// restore inserts rows, as whoever restores; such a row is taken if that role could have declared
// it. Nothing else writes: a TRUNCATE of all tables between tests must not take the declarations
// along.
#include "pg/base/compat.hpp"
#include "pg/write/changes.hpp"
#include "pg/declare/ddl.hpp"
#include "pg/declare/declaration.hpp"
#include "pg/catalog/aggregates.hpp"
#include "pg/catalog/definition_row.hpp"
#include "pg/catalog/definitions.hpp"
#include "pg/declare/dependencies.hpp"
#include "pg/declare/restored_queries.hpp"
#include "pg/catalog/dependency_row.hpp"
#include "pg/base/functions.hpp"
#include "pg/write/path_queries.hpp"
#include "pg/write/notices.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/standing.hpp"
#include "pg/catalog/vary_by.hpp"
#include "pg/base/spi.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "replication/logicalworker.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/catcache.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

// What the trigger was called for, once that is known to be one of our tables.
struct Change {
    TriggerData* trigger;
    Relation relation;
    bool dependency;  // of cache_dependency, else of cache_definition
    HeapTuple old_row;
    HeapTuple new_row;

    TupleDesc columns() const { return RelationGetDescr(relation); }
};

// Before anything in a row is looked at: anybody can put a trigger function on a table of his own.
Change checked_change(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("cache_definition_changed must be called as a trigger")));
    }
    Change c = {};
    c.trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    c.relation = c.trigger->tg_relation;
    note_ddl();
    const bool ready = definitions_ready();
    const Oid table = RelationGetRelid(c.relation);
    c.dependency = ready && table == dependency_table();
    if (!c.dependency && !(ready && table == definition_table())) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("cache_definition_changed is for the tables of cache_ext only"),
                        errhint("Drop the trigger \"%s\".", c.trigger->tg_trigger->tgname)));
    }
    const TriggerEvent event = c.trigger->tg_event;
    if (!TRIGGER_FIRED_BEFORE(event) ||
        TRIGGER_FIRED_FOR_ROW(event) == TRIGGER_FIRED_BY_TRUNCATE(event)) {
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("cache_definition_changed must be fired before each row, and before "
                               "TRUNCATE")));
    }
    if (!TRIGGER_FIRED_FOR_ROW(event)) return c;
    if (TRIGGER_FIRED_BY_INSERT(event)) {
        c.new_row = c.trigger->tg_trigtuple;
    } else {
        c.old_row = c.trigger->tg_trigtuple;
        if (TRIGGER_FIRED_BY_UPDATE(event)) c.new_row = c.trigger->tg_newtuple;
    }
    return c;
}

[[noreturn]] void refuse(const Change& c) {
    const TriggerEvent event = c.trigger->tg_event;
    ereport(
        ERROR,
        (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
         errmsg("%s of table \"%s\" is left to the functions of cache_ext",
                TRIGGER_FIRED_BY_TRUNCATE(event) ? "TRUNCATE"
                : TRIGGER_FIRED_BY_DELETE(event) ? "DELETE"
                                                 : "UPDATE",
                RelationGetRelationName(c.relation)),
         TRIGGER_FIRED_BY_UPDATE(event)
             ? errhint("Change a cache with cache_alter, or declare it anew.")
             : errhint("Drop caches one by one with cache_drop, or all with DROP EXTENSION. To "
                       "empty them use cache_invalidate_all or cache_clear. Leave schema %s out "
                       "of what is truncated.",
                       kInternalSchema)));
    pg_unreachable();
}

Row deformed(const Change& c, HeapTuple tuple) {
    Row row;
    heap_deform_tuple(tuple, c.columns(), row.values, row.nulls);
    return row;
}

// The BEFORE triggers come before the table's own constraints.
void check_nulls(const Change& c, const Row& row) {
    for (int i = 0; i < c.columns()->natts; ++i) {
        const Form_pg_attribute a = TupleDescAttr(c.columns(), i);
        if (!a->attnotnull || !row.nulls[i] || (!c.dependency && i == kDefinitionFunctions)) {
            continue;
        }
        ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION),
                        errmsg("null value in column \"%s\" of relation \"%s\"",
                               NameStr(a->attname), RelationGetRelationName(c.relation)),
                        errhint("Declare caches with cache_create.")));
    }
}

[[noreturn]] void not_yours(const char* accessor, bool exists) {
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    exists ? errmsg("must be owner of function %s", accessor)
                           : errmsg("function %s does not exist", accessor),
                    errhint("Declare caches with cache_create.")));
    pg_unreachable();
}

// Of a cache whose definition has not been restored yet the accessor's arguments are not known: all
// functions of its name count.
void require_all_owned(const char* cache) {
    const char* name = psprintf("cache_get_%s", cache);
    CatCList* list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
    bool owned = true, exists = false;
    for (int i = 0; i < list->n_members; ++i) {
        auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(&list->members[i]->tuple));
        if (proc->pronamespace != extension_schema()) continue;
        exists = true;
        owned = owned && object_ownercheck(ProcedureRelationId, proc->oid, GetUserId());
    }
    ReleaseSysCacheList(list);
    if (!owned || !exists) not_yours(name, exists);
}

void require_owned(const char* cache, Oid accessor) {
    if (OidIsValid(accessor) && object_ownercheck(ProcedureRelationId, accessor, GetUserId()))
        return;
    not_yours(psprintf("cache_get_%s", cache), OidIsValid(accessor));
}

// Whoever shares a cache's budget evicts its values, and keeps it from being dropped. (A restore
// may load the row of the other cache later.)
void require_own_budget(const char* budget) {
    const Definition* d = budget != nullptr ? find_definition(budget) : nullptr;
    if (d != nullptr) require_owned(budget, d->accessor);
}

// One cache's trouble does not keep a restore from the others.
void warn_of_function_beside(const Definition* d) {
    const char* name = function_beside(d);
    if (name == nullptr) return;
    ereport(WARNING,
            (errcode(ERRCODE_DUPLICATE_FUNCTION),
             errmsg("there is another \"%s\" than that of cache \"%s\", or it is another role's",
                    name, d->name),
             errdetail("Calls could mean that one."),
             errhint("Drop it, or give it to the owner of cache_get_%s.", d->name)));
}

// Which body the loader of an aggregate cache has from now on; 0: none that aggregates.
uint64 body_of_aggregate(const Definition* d) {
    const Aggregate* a = OidIsValid(d->loader) ? read_aggregate(d, d->loader) : nullptr;
    return a != nullptr && is_sound(d, a) ? fingerprint_of_body(d->loader) : 0;
}

// What is tied to the extension goes with it: nothing but the row type that was made for the cache.
void tie_row_type(const Definition& d) {
    const Oid made = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid,
                                     CStringGetDatum(psprintf("cache_row_%s", d.name)),
                                     ObjectIdGetDatum(extension_schema()));
    const Oid relation = get_typ_typrelid(d.value_type);
    if (d.value_type != made || !OidIsValid(relation) ||
        get_rel_relkind(relation) != RELKIND_COMPOSITE_TYPE ||
        (!declaring() && !object_ownercheck(TypeRelationId, made, GetUserId()))) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("this is not the definition of a cache: its value type is not "
                               "%s, or that is no row type of yours",
                               in_extension(psprintf("cache_row_%s", d.name))),
                        errhint("Declare caches with cache_create_aggregate.")));
    }
    if (!list_member_oid(getAutoExtensionsOfObject(TypeRelationId, made), extension_oid())) {
        depend_on_extension(TypeRelationId, made);
    }
}

// The row as it is stored: with the functions that it trusts. An update trusts no function that the
// cache does not trust already.
HeapTuple checked_definition(const Change& c) {
    const Row row = deformed(c, c.new_row);
    check_nulls(c, row);
    Definition d = {};
    read_definition(extension_schema(), row, false, &d);
    if (d.broken != nullptr) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("this is not the definition of a cache: %s", d.broken),
                        errhint("Declare caches with cache_create.")));
    }
    if (!declaring()) {
        require_owned(d.name, d.accessor);
        require_own_budget(row.string(kDefinitionBudget));
        for (int i = 0; i < d.input_count; ++i) checked_input(d.inputs[i]);
        warn_of_function_beside(&d);
        if (c.old_row == nullptr) {
            note_restored_queries(&d);
            free_row_type(&d);
        }
    }
    const Oid found[kTrusted] = {d.accessor, d.loader, d.load_many, d.load_all};
    TrustedFunctions now = {};
    for (int i = 0; i < kTrusted; ++i) now.of[i] = {found[i], owner_of_function(found[i])};
    if (c.old_row != nullptr) {
        const Row old_row = deformed(c, c.old_row);
        TrustedFunctions before;
        trusted_from_array(old_row.values[kDefinitionFunctions], &before);
        Definition old_definition = {};
        read_definition(extension_schema(), old_row, false, &old_definition);
        const Oid old_found[kTrusted] = {old_definition.accessor, old_definition.loader,
                                         old_definition.load_many, old_definition.load_all};
        for (int i = 0; i < kTrusted; ++i) {
            const bool accessor = static_cast<Trusted>(i) == Trusted::kAccessor;
            const bool trusted = accessor ? is_remembered(found[i], before.of[i])
                                          : may_run_as(found[i], before.of[i], d.owner);
            // Another one than it named before has been named now, by the owner.
            const bool renamed = !accessor && found[i] != old_found[i];
            if (!trusted && !renamed) now.of[i] = before.of[i];
        }
    }
    int columns[] = {kDefinitionFunctions + 1, kDefinitionAggregate + 1};
    Datum values[] = {trusted_to_array(now), row.values[kDefinitionAggregate]};
    bool nulls[] = {false, row.nulls[kDefinitionAggregate]};
    if (d.aggregates && c.old_row == nullptr) {
        values[1] = Int64GetDatum(static_cast<int64>(body_of_aggregate(&d)));
        tie_row_type(d);
    }
    return heap_modify_tuple_by_cols(c.new_row, c.columns(), 2, columns, values, nulls);
}

// The row as it is stored: with what its query means to whoever inserts it.
HeapTuple with_meaning(const Change& c, int64 meaning) {
    int column = kDependencyMeaning + 1;
    Datum value = Int64GetDatum(meaning);
    bool null = meaning == 0;
    return heap_modify_tuple_by_cols(c.new_row, c.columns(), 1, &column, &value, &null);
}

HeapTuple checked_dependency(const Change& c) {
    const Row row = deformed(c, c.new_row);
    check_nulls(c, row);
    if (declaring()) return c.new_row;
    const char* cache = row.string(kDependencyCache);
    const Definition* d = find_definition(cache);
    if (d == nullptr) {
        require_all_owned(cache);
    } else {
        require_owned(cache, d->accessor);
    }
    const Oid table = DatumGetObjectId(row.values[kDependencyRelation]);
    check_relation(table);
    if (const char* fault = dependency_fault(row, d)) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("this is not a dependency of a cache: %s", fault),
                        errhint("Declare dependencies with cache_invalidate_on.")));
    }
    const char* query = row.string(kDependencyQuery);
    // Without a definition nobody knows whose names these are, until it is restored.
    if (d == nullptr || query == nullptr) return with_meaning(c, 0);
    connect_spi();
    const int64 meaning = check_path_query(d, table, query).meaning;
    SPI_finish();
    return with_meaning(c, meaning);
}

// The cache that a row is about; 0: it is being dropped, or not restored yet.
uint64 cache_of(const Change& c, HeapTuple tuple) {
    const Row row = deformed(c, tuple);
    if (!c.dependency) return static_cast<uint64>(DatumGetInt64(row.values[kDefinitionId]));
    const Definition* d = find_definition(row.string(kDependencyCache));
    return d != nullptr ? d->id : 0;
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_definition_changed_1_0);
}

// Everybody has to know of what is changed, too.
extern "C" Datum cache_definition_changed_1_0(PG_FUNCTION_ARGS) {
    Change c = checked_change(fcinfo);
    if (c.old_row == nullptr && c.new_row == nullptr) refuse(c);
    // Subscribing to all tables of another database declares nothing here.
    if (IsLogicalWorker()) return Datum{0};
    if (c.old_row != nullptr && !declaring()) refuse(c);
    if (c.dependency && c.new_row != nullptr) {
        const Row row = deformed(c, c.new_row);
        const char* cache = row.string(kDependencyCache);
        c.new_row = remember_meaning(c.relation, c.new_row,
                                     cache != nullptr ? find_definition(cache) : nullptr);
    }
    HeapTuple result = c.new_row != nullptr ? c.new_row : c.old_row;
    if (c.new_row != nullptr && c.dependency) result = checked_dependency(c);
    if (c.new_row != nullptr && !c.dependency) result = checked_definition(c);
    for (HeapTuple row : {c.old_row, c.new_row}) {
        const uint64 id = row != nullptr && store_ready() ? cache_of(c, row) : 0;
        if (id != 0) collect_whole(id, true);
    }
    CacheInvalidateRelcache(c.relation);
    note_schedule_change();
    return PointerGetDatum(result);
}

}  // namespace cache_ext::pg
