// Relations before and after: a table's row in pg_class and all that belongs to it.
#include "pg/ddl/catalog_relations.hpp"

#include "pg/base/compat.hpp"
#include "pg/catalog/ddl_writers.hpp"
#include "pg/ddl/harmless_ddl.hpp"
#include "pg/ddl/row_counts.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "pgstat.h"
#include "rewrite/rewriteSupport.h"
#include "utils/builtins.h"
#include "utils/pgstat_internal.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

constexpr Catalog kClasses = {RelationRelationId, ClassOidIndexId, Anum_pg_class_oid};
constexpr Catalog kClassNames = {RelationRelationId, ClassNameNspIndexId, Anum_pg_class_relname};
constexpr Catalog kColumns = {AttributeRelationId, AttributeRelidNumIndexId,
                              Anum_pg_attribute_attrelid};
constexpr Catalog kRules = {RewriteRelationId, RewriteRelRulenameIndexId, Anum_pg_rewrite_ev_class};
constexpr Catalog kDefaults = {AttrDefaultRelationId, AttrDefaultIndexId, Anum_pg_attrdef_adrelid};
constexpr Catalog kPolicies = {PolicyRelationId, PolicyPolrelidPolnameIndexId,
                               Anum_pg_policy_polrelid};
constexpr Catalog kTriggers = {TriggerRelationId, TriggerRelidNameIndexId, Anum_pg_trigger_tgrelid};
constexpr Catalog kFunctions = {ProcedureRelationId, ProcedureOidIndexId, Anum_pg_proc_oid};
constexpr Catalog kParents = {InheritsRelationId, InheritsRelidSeqnoIndexId,
                              Anum_pg_inherits_inhrelid};
constexpr Catalog kChildren = {InheritsRelationId, InheritsParentIndexId,
                               Anum_pg_inherits_inhparent};
constexpr Catalog kAllLinks = {InheritsRelationId, InvalidOid, InvalidAttrNumber};

// Columns of pg_class that say nothing about what a query returns, or nothing that other catalogs
// do not say as well.
constexpr AttrNumber kHarmless[] = {
    Anum_pg_class_relpages,       Anum_pg_class_reltuples,    Anum_pg_class_relallvisible,
    Anum_pg_class_relhasindex,    Anum_pg_class_relhasrules,  Anum_pg_class_relhastriggers,
    Anum_pg_class_relhassubclass, Anum_pg_class_relchecks,    Anum_pg_class_relreplident,
    Anum_pg_class_relfrozenxid,   Anum_pg_class_relminmxid,   Anum_pg_class_reltablespace,
    Anum_pg_class_reltoastrelid,  Anum_pg_class_relnatts,     Anum_pg_class_relrewrite,
    Anum_pg_class_relispopulated, Anum_pg_class_relacl,       Anum_pg_class_reloptions,
    Anum_pg_class_relfilenode,    Anum_pg_class_relam,        Anum_pg_class_relpersistence,
    Anum_pg_class_relispartition, Anum_pg_class_relpartbound, kRelAllFrozen,
};
// The same of pg_attribute.
constexpr AttrNumber kHarmlessOfColumn[] = {
    Anum_pg_attribute_attstattarget,  Anum_pg_attribute_attstorage,  Anum_pg_attribute_attislocal,
    Anum_pg_attribute_attinhcount,    Anum_pg_attribute_attoptions,  Anum_pg_attribute_attacl,
    Anum_pg_attribute_atthasdef,      Anum_pg_attribute_attidentity, Anum_pg_attribute_attnotnull,
    Anum_pg_attribute_attcompression,
};

const FormData_pg_class* class_of(HeapTuple row) {
    return form_of<FormData_pg_class>(row);
}

bool is_index(const FormData_pg_class* c) {
    return c->relkind == RELKIND_INDEX || c->relkind == RELKIND_PARTITIONED_INDEX;
}
bool has_rows(const FormData_pg_class* c) {
    return c->relkind == RELKIND_RELATION || c->relkind == RELKIND_MATVIEW;
}

struct Namesake {
    Oid self;
    bool index;
};

bool is_namesake(HeapTuple row, TupleDesc, void* argument) {
    const auto* self = static_cast<const Namesake*>(argument);
    const FormData_pg_class* c = class_of(row);
    // An index beside an index of that name is in nobody's way.
    return c->oid != self->self && c->relnamespace != PG_TOAST_NAMESPACE &&
           !is_temporary(c->relnamespace) && !(self->index && is_index(c));
}

void add_relation(Judge* judge, Oid relation) {
    judge->effect.relations = list_append_unique_oid(judge->effect.relations, relation);
}

// What is new, gone or changed in a column that was there.
void judge_columns(Judge* judge, Oid relation, Oid owner) {
    const RowChanges columns = changes_of(&judge->sides, kColumns, ObjectIdGetDatum(relation));
    int matched = 0;
    ListCell *a, *b;
    foreach (a, columns.gone) {
        auto* before = static_cast<HeapTuple>(lfirst(a));
        foreach (b, columns.come) {
            auto* after = static_cast<HeapTuple>(lfirst(b));
            if (form_of<FormData_pg_attribute>(before)->attnum !=
                form_of<FormData_pg_attribute>(after)->attnum) {
                continue;
            }
            ++matched;
            if (differ_beyond(before, after, columns.desc, kHarmlessOfColumn,
                              lengthof(kHarmlessOfColumn)) ||
                privileges_matter(&judge->roles, before, after, columns.desc,
                                  Anum_pg_attribute_attacl, OBJECT_COLUMN, owner)) {
                judge->effect.database = true;
            }
        }
    }
    if (list_length(columns.gone) != matched || list_length(columns.come) != matched) {
        judge->effect.database = true;
    }
}

void add_links(Judge* judge, const RowChanges& links) {
    for (const List* rows : {links.gone, links.come}) {
        ListCell* cell;
        foreach (cell, const_cast<List*>(rows)) {
            const auto* form = form_of<FormData_pg_inherits>(static_cast<HeapTuple>(lfirst(cell)));
            add_relation(judge, form->inhparent);
            add_relation(judge, form->inhrelid);
        }
    }
}

void judge_relatives(Judge* judge, const Catalog& catalog, Oid relation) {
    add_links(judge, changes_of(&judge->sides, catalog, ObjectIdGetDatum(relation)));
}

// A virtual column shows something else in all rows. (One that is stored has new storage, too.)
bool expression_changed(Judge* judge, Oid relation) {
    const Datum key = ObjectIdGetDatum(relation);
    List* expressions = changes_of(&judge->sides, kDefaults, key).come;
    if (expressions == NIL) return false;
    TupleDesc desc;
    ListCell *a, *b;
    foreach (a, rows_of(&judge->sides, kColumns, key, &desc)) {
        const auto* column = form_of<FormData_pg_attribute>(static_cast<HeapTuple>(lfirst(a)));
        if (column->attgenerated != kGeneratedVirtual) continue;
        foreach (b, expressions) {
            const auto* changed = form_of<FormData_pg_attrdef>(static_cast<HeapTuple>(lfirst(b)));
            if (changed->adnum == column->attnum) return true;
        }
    }
    return false;
}

// Ours, dropped or disabled, has not seen all rows. That one was made is no harm.
bool lost_own_trigger(Judge* judge, Datum relation) {
    constexpr const char* kOurs = "cache_invalidate_trigger";
    ListCell* cell;
    foreach (cell, changes_of(&judge->sides, kTriggers, relation).gone) {
        const auto* form = form_of<FormData_pg_trigger>(static_cast<HeapTuple>(lfirst(cell)));
        const RowPair function = row_of(&judge->sides, kFunctions, form->tgfoid);
        if (function.before == nullptr) continue;
        bool null;
        const Datum symbol =
            heap_getattr(function.before, Anum_pg_proc_prosrc, function.desc, &null);
        if (!null && strncmp(TextDatumGetCString(symbol), kOurs, strlen(kOurs)) == 0) return true;
    }
    return false;
}

void judge_existing(Judge* judge, const RowPair& row) {
    const FormData_pg_class* before = class_of(row.before);
    const FormData_pg_class* after = class_of(row.after);
    const Oid relation = after->oid;
    const auto changed = [&](AttrNumber column) {
        return differ(row.before, row.after, row.desc, column);
    };
    if (is_index(after)) {
        // Renamed, it may hide a table, or one it has hidden may be seen again.
        if (changed(Anum_pg_class_relname) &&
            (takes_relation_name(judge, row.before) || takes_relation_name(judge, row.after))) {
            judge->effect.database = true;
        }
        return;
    }
    const ObjectType type = after->relkind == RELKIND_SEQUENCE ? OBJECT_SEQUENCE : OBJECT_TABLE;
    const bool is_view = after->relkind == RELKIND_VIEW;
    if (differ_beyond(row.before, row.after, row.desc, kHarmless, lengthof(kHarmless)) ||
        (is_view && changed(Anum_pg_class_reloptions)) ||
        privileges_matter(&judge->roles, row.before, row.after, row.desc, Anum_pg_class_relacl,
                          type, before->relowner)) {
        judge->effect.database = true;
    }
    if (has_rows(after) && before->relfilenode != after->relfilenode &&
        !rewritten_harmlessly(relation, before->relfilenode, after->relfilenode)) {
        add_relation(judge, relation);  // old snapshots may see other rows now
    }
    if (changed(Anum_pg_class_relam) || changed(Anum_pg_class_relpersistence) ||
        changed(Anum_pg_class_relispartition) || changed(Anum_pg_class_relpartbound)) {
        add_relation(judge, relation);
    }
    judge_columns(judge, relation, before->relowner);
    const Datum key = ObjectIdGetDatum(relation);
    if (!changes_of(&judge->sides, kRules, key).none() ||
        !changes_of(&judge->sides, kPolicies, key).none()) {
        judge->effect.database = true;
    }
    if (lost_own_trigger(judge, key) || expression_changed(judge, relation)) {
        add_relation(judge, relation);
    }
    judge_relatives(judge, kChildren, relation);
    judge_relatives(judge, kParents, relation);
}

// Messages about rules name their table only in a hash. Of a view that has come and gone there is
// no row any more.
void add_rules(Judge* judge, Oid relation, List** rules) {
    const Datum key = ObjectIdGetDatum(relation);
    NameData of_view;
    namestrcpy(&of_view, ViewSelectRuleName);
    *rules = lappend_oid(*rules, GetSysCacheHashValue2(RULERELNAME, key, NameGetDatum(&of_view)));
    const RowChanges changes = changes_of(&judge->sides, kRules, key);
    for (const List* rows : {changes.gone, changes.come}) {
        ListCell* cell;
        foreach (cell, const_cast<List*>(rows)) {
            const auto* form = form_of<FormData_pg_rewrite>(static_cast<HeapTuple>(lfirst(cell)));
            *rules = lappend_oid(
                *rules, GetSysCacheHashValue2(RULERELNAME, key, NameGetDatum(&form->rulename)));
        }
    }
}

}  // namespace

bool is_temporary(Oid schema) {
    return isTempOrTempToastNamespace(schema) || isAnyTempNamespace(schema);
}

bool takes_relation_name(Judge* judge, HeapTuple row) {
    const FormData_pg_class* c = class_of(row);
    Namesake self = {c->oid, is_index(c)};
    if (judge->final && !judge->announced) {
        announce_ddl(MyDatabaseId, DdlScope::kNames);
        judge->announced = true;
    }
    return any_row(&judge->sides, kClassNames, NameGetDatum(&c->relname), is_namesake, &self);
}

void judge_relation(Judge* judge, Oid relation, bool want_rules, List** rules) {
    const RowPair row = row_of(&judge->sides, kClasses, relation);
    if (want_rules) add_rules(judge, relation, rules);
    if (row.before == nullptr && row.after == nullptr) return;  // came and went
    const FormData_pg_class* c = class_of(row.after != nullptr ? row.after : row.before);
    if (c->relnamespace == PG_TOAST_NAMESPACE || judge->effect.database) return;
    if (c->relpersistence == RELPERSISTENCE_TEMP || is_temporary(c->relnamespace)) return;
    if (row.before == nullptr) {
        if (takes_relation_name(judge, row.after)) judge->effect.database = true;
        judge_relatives(judge, kParents, relation);
    } else if (row.after != nullptr) {
        judge_existing(judge, row);
    } else if (is_index(c)) {
        if (takes_relation_name(judge, row.before)) judge->effect.database = true;
    } else {
        judge->effect.database = true;  // whatever named it means something else now
    }
}

// The list of what this transaction has changed is short, and the session's own.
bool inheritance_changed() {
    const PgStat_SubXactStatus* level =
        pgstat_get_xact_stack_level(GetCurrentTransactionNestLevel());
    for (; level != nullptr; level = level->prev) {
        for (const PgStat_TableXactStatus* t = level->first; t != nullptr; t = t->next) {
            if (table_of(t->parent) == InheritsRelationId)
                return has_changed_rows(InheritsRelationId);
        }
    }
    return false;
}

void judge_inheritance(Judge* judge) {
    if (judge->effect.database) return;  // it could not get worse
    add_links(judge, changes_of(&judge->sides, kAllLinks, Datum{0}));
}

}  // namespace cache_ext::pg
