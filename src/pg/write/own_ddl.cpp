#include "pg/write/own_ddl.hpp"

#include "pg/base/compat.hpp"
#include "pg/ddl/catalog_changes.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/ddl_writers.hpp"
#include "pg/ddl/harmless_ddl.hpp"
#include "pg/write/path_rows.hpp"
#include "pg/write/puts.hpp"
#include "pg/write/registration.hpp"
#include "pg/write/relation_changes.hpp"
#include "pg/base/settings.hpp"
#include "pg/catalog/survivors.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_largeobject_metadata.h"
#include "catalog/pg_statistic.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/pgstat_internal.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

// Of this transaction so far. What was found out holds while neither number has moved.
struct Known {
    uint64 rows;       // catalog rows it has changed
    uint64 rollbacks;  // of subtransactions
    bool at_all;
    CatalogEffect effect;  // lists in memory of the transaction
};

Known known = {};
uint64 rollbacks = 0;

bool says_nothing(Oid catalog) {
    return catalog == LargeObjectRelationId || catalog == LargeObjectMetadataRelationId ||
           catalog == StatisticRelationId;
}

// By PostgreSQL's own counts, which forget what was rolled back.
uint64 changed_catalog_rows() {
    uint64 n = 0;
    const PgStat_SubXactStatus* level =
        pgstat_get_xact_stack_level(GetCurrentTransactionNestLevel());
    for (; level != nullptr; level = level->prev) {
        for (const PgStat_TableXactStatus* t = level->first; t != nullptr; t = t->next) {
            if (!IsCatalogRelationOid(table_of(t->parent)) || says_nothing(table_of(t->parent)))
                continue;
            n += static_cast<uint64>(t->tuples_inserted + t->tuples_updated + t->tuples_deleted);
        }
    }
    return n;
}

// Rows of a type that DDL may have changed meanwhile.
void drop_puts_of_rows() {
    if (!anything_put) return;
    for (int i = 0; i < definition_count(); ++i) {
        const Definition* d = definition_at(i);
        if (!d->value_is_base) drop_pending_puts(d->id, nullptr);
    }
}

CatalogEffect worst() {
    CatalogEffect effect = {};
    effect.database = true;
    return effect;
}

CatalogEffect effect_so_far() {
    const uint64 rows = changed_catalog_rows();
    if (rows == 0) return {};
    if (known.at_all && known.rows == rows && known.rollbacks == rollbacks) return known.effect;
    drop_puts_of_rows();
    // Its messages are to be had at the top level only, and a subtransaction must not begin where
    // parallel workers run.
    if (GetCurrentTransactionNestLevel() > 1 || IsInParallelMode()) return worst();
    MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
    list_free(known.effect.databases);
    list_free(known.effect.relations);
    known = {};
    const CatalogEffect effect = effect_of_catalog_changes(false);
    known = {rows, rollbacks, true, effect};
    MemoryContextSwitchTo(old);
    return effect;
}

// What is put does not come from functions or views.
bool ignores_ddl(const Definition* d) {
    return d->loader_name == nullptr && d->value_is_base;
}

// What only owners' rights cannot be changed by.
bool concerns_readers(const CatalogEffect& effect) {
    return effect.readers || effect.all_readers;
}

bool concerns_here(const CatalogEffect& effect) {
    return effect.database || effect.everywhere || list_member_oid(effect.databases, MyDatabaseId);
}

// Keys that were looked up by what was there before may be others now.
void move_all_paths() {
    for (int i = 0; i < dependency_relation_count(); ++i) {
        const RelationDependencies& r = dependency_relation_at(i);
        for (int k = 0; k < r.count; ++k) {
            if (r.dependencies[k].kind != DependencyKind::kKey) {
                collect_path_move(r.dependencies[k]);
            }
        }
    }
}

// Whoever has a new name in this database, and is still committing, counts as well from now on: the
// name of either may be the other's.
void register_others(core::CacheIndex index, core::Tag whole, const DdlWriter* others, int count,
                     const core::Snapshot& now) {
    for (int i = 0; i < count; ++i) {
        if (!now.in_progress(others[i].xid)) continue;
        register_with({whole, core::TagKind::kWhole, true, index, true}, others[i].xid, now);
    }
}

void register_in_databases(const CatalogEffect& effect, const core::Snapshot& now) {
    const bool elsewhere = effect.everywhere || effect.databases != NIL || effect.all_readers;
    announce_ddl(elsewhere ? InvalidOid : MyDatabaseId, DdlScope::kOwners);
    auto* others = static_cast<DdlWriter*>(palloc(sizeof(DdlWriter) * ddl_writers_room()));
    const int count = ddl_writers(MyDatabaseId, DdlScope::kNames, others);
    const core::Xid own = U64FromFullTransactionId(GetTopFullTransactionId());
    for (core::CacheIndex i = 0; i < store().max_caches(); ++i) {
        core::CacheControl* c = store().control(i);
        if (core::load_relaxed(c->id) == 0 || core::load_relaxed(c->put_only)) continue;
        const bool here = c->database == MyDatabaseId;
        const bool readers =
            (effect.all_readers || (here && effect.readers)) && !core::load_relaxed(c->as_owner);
        if (!effect.everywhere && !(here && effect.database) && !readers &&
            !list_member_oid(effect.databases, c->database)) {
            continue;
        }
        const core::Tag whole = core::load_relaxed(c->whole_tag);
        register_with({whole, core::TagKind::kWhole, true, i}, own, now);
        if (here) register_others(i, whole, others, count, now);
        if (settings.track) c->counters.add(stripe(), core::Counter::kInvalidations);
    }
    pfree(others);
}

}  // namespace

bool own_ddl_concerns(const Definition* d) {
    const CatalogEffect effect = effect_so_far();
    if (concerns_here(effect) && !ignores_ddl(d)) return true;
    if (d->as_reader && concerns_readers(effect)) return true;
    ListCell* cell;
    foreach (cell, effect.relations) {
        const Oid relation = lfirst_oid(cell);
        Oid* end = d->relations + d->relation_count;
        if (std::find(d->relations, end, relation) != end) return true;
        if (d->tracks && is_tracked_for(relation, control_block(d))) return true;
    }
    return false;
}

bool own_ddl_concerns_anything() {
    return !effect_so_far().none();
}

void collect_ddl(bool definitions_known) {
    // What was put after the DDL, and has been read since, stays.
    const uint64 rows = changed_catalog_rows();
    if (rows != 0 && (!known.at_all || known.rows != rows || known.rollbacks != rollbacks)) {
        drop_puts_of_rows();
    }
    MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
    known = {};
    known.effect = effect_of_catalog_changes(true);
    MemoryContextSwitchTo(old);
    if (!definitions_known) return;
    ListCell* cell;
    foreach (cell, known.effect.relations) collect_hard_relation(lfirst_oid(cell));
    if (concerns_here(known.effect)) move_all_paths();
}

bool ddl_to_register() {
    return known.effect.database || known.effect.everywhere || known.effect.databases != NIL ||
           concerns_readers(known.effect);
}

bool ddl_concerns_here(uint64 cache) {
    const Definition* d = find_definition_by_id(cache);
    if (concerns_readers(known.effect) && (d == nullptr || d->as_reader)) return true;
    return concerns_here(known.effect) && (d == nullptr || !ignores_ddl(d));
}

void register_ddl(const core::Snapshot& now, bool preparing) {
    const CatalogEffect& effect = known.effect;
    if (!ddl_to_register()) return;
    register_in_databases(effect, now);
    if (!preparing) return;
    if (effect.all_readers) mark_hard_survivor(InvalidOid, kReaderCaches);
    if (effect.readers) mark_hard_survivor(MyDatabaseId, kReaderCaches);
    if (effect.everywhere) {
        mark_hard_survivor(InvalidOid, 0);
        return;
    }
    if (effect.database) mark_hard_survivor(MyDatabaseId, 0);
    ListCell* cell;
    foreach (cell, effect.databases) mark_hard_survivor(lfirst_oid(cell), 0);
}

void register_late_ddl() {
    if (!TransactionIdIsValid(GetTopTransactionIdIfAny())) return;
    register_in_databases(worst(), copy_to_core(GetLatestSnapshot()));
}

void subtransaction_aborted_for_ddl() {
    ++rollbacks;
}

void forget_ddl() {
    known = {};
    forget_harmless_ddl();
}

}  // namespace cache_ext::pg
