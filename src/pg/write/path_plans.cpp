#include "pg/write/path_plans.hpp"

#include "pg/base/guarded.hpp"
#include "pg/write/query_meaning.hpp"

extern "C" {
#include "catalog/pg_inherits.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
}

namespace cache_ext::pg {
namespace {

// A plan that is run may be found out of date by the server, which fails then. One whose query
// indexes answer is never run: it says whether anything has changed. Where the query has to be run
// nevertheless, another is prepared.
struct PathPlan {
    int64 id;
    uint64 generation;
    SPIPlanPtr plan;
    bool by_index;
    IndexPath index;
};
List* plans = NIL;

bool is_declared(int64 path) {
    for (int i = 0; i < definition_count(); ++i) {
        const Definition* d = definition_at(i);
        for (int k = 0; k < d->relation_count; ++k) {
            const RelationDependencies* r = dependencies_of(d->relations[k]);
            const auto is = [path](const Dependency& dep) {
                return dep.kind == DependencyKind::kPath && dep.path == path;
            };
            if (r != nullptr && std::any_of(r->dependencies, r->dependencies + r->count, is)) {
                return true;
            }
        }
    }
    return false;
}

// Plans go with the declarations that they belong to: no more are kept than there are of these.
void forget_plans_of_dropped_paths() {
    ListCell* cell;
    foreach (cell, plans) {
        auto* known = static_cast<PathPlan*>(lfirst(cell));
        if (is_declared(known->id)) continue;
        if (known->plan != nullptr) SPI_freeplan(known->plan);
        pfree(known);
        plans = foreach_delete_current(plans, cell);
    }
}

PathPlan* find_plan(int64 path) {
    ListCell* cell;
    foreach (cell, plans) {
        auto* candidate = static_cast<PathPlan*>(lfirst(cell));
        if (candidate->id == path) return candidate;
    }
    return nullptr;
}

PathPlan* find_or_make_plan(int64 path) {
    PathPlan* known = find_plan(path);
    if (known != nullptr) return known;
    forget_plans_of_dropped_paths();
    MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
    known = static_cast<PathPlan*>(palloc0(sizeof(PathPlan)));
    known->id = path;
    plans = lappend(plans, known);
    MemoryContextSwitchTo(old);
    return known;
}

bool is_current(const PathPlan& known) {
    return known.plan != nullptr && known.generation == definitions_generation() &&
           SPI_plan_is_valid(known.plan);
}

SPIPlanPtr prepare(const Path& p, const Dependency& dep) {
    if (dep.meaning == 0) elog(ERROR, "it is not known what the query meant");
    return prepare_meant(dep.key_query, get_rel_type_id(p.rows->declared), dep.meaning).plan;
}

void lock_planned_tables(SPIPlanPtr plan, const Path& p) {
    ListCell* sources;
    foreach (sources, SPI_plan_get_plan_sources(plan)) {
        auto* source = static_cast<CachedPlanSource*>(lfirst(sources));
        if (!p.reads_tables && source->relationOids != NIL) elog(ERROR, "the query has changed");
        ListCell* cell;
        foreach (cell, source->relationOids) {
            const Oid relation = lfirst_oid(cell);
            lock_without_waiting(relation);
            if (!has_subclass(relation)) continue;
            ListCell* child;
            foreach (child, find_all_inheritors(relation, NoLock, nullptr)) {
                lock_without_waiting(lfirst_oid(child));
            }
        }
    }
}

void keep(PathPlan* known, const Path& p, const Dependency& dep) {
    if (known->plan != nullptr) SPI_freeplan(known->plan);
    known->plan = nullptr;
    SPIPlanPtr plan = prepare(p, dep);
    lock_planned_tables(plan, p);
    known->by_index = p.reads_tables && index_path(plan, dep.definition->columns, &known->index);
    SPI_keepplan(plan);
    known->plan = plan;
    known->generation = definitions_generation();
}

}  // namespace

const Dependency* path_dependency(const Path& p) {
    const RelationDependencies* r = dependencies_of(p.rows->declared);
    for (int i = 0; r != nullptr && i < r->count; ++i) {
        if (r->dependencies[i].path == p.id && r->dependencies[i].kind == DependencyKind::kPath) {
            return &r->dependencies[i];
        }
    }
    return nullptr;
}

const IndexPath* kept_index_path(const Path& p) {
    const PathPlan* known = find_plan(p.id);
    if (known == nullptr || !is_current(*known) || !known->by_index) return nullptr;
    return &known->index;
}

SPIPlanPtr plan_of_path(const Path& p, const Dependency& dep) {
    PathPlan* known = find_or_make_plan(p.id);
    if (!is_current(*known)) keep(known, p, dep);
    SPIPlanPtr plan = known->by_index ? prepare(p, dep) : known->plan;
    lock_planned_tables(plan, p);
    return plan;
}

}  // namespace cache_ext::pg
