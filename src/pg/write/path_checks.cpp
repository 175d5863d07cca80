#include "pg/write/path_checks.hpp"

#include "pg/base/apart.hpp"
#include "pg/write/path_queries.hpp"
#include "pg/base/spi.hpp"

extern "C" {
#include "access/parallel.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
}

namespace cache_ext::pg {
namespace {

// What this session has found out about a path.
struct Check {
    int64 path;
    uint64 generation;  // definitions_generation() of then: names, roles and functions
    SPIPlanPtr plan;    // says whether anything behind the query has changed; nullptr: it failed
    TimestampTz at;
    bool holds;
};
List* checks = NIL;

constexpr int kRetryMs = 1000;  // after a failure

bool among(AttrNumber column, const AttrNumber* columns, int count) {
    return std::find(columns, columns + count, column) != columns + count;
}

bool all_among(List* names, Oid relation, const AttrNumber* columns, int count) {
    ListCell* cell;
    foreach (cell, names) {
        if (!among(get_attnum(relation, static_cast<char*>(lfirst(cell))), columns, count)) {
            return false;
        }
    }
    return true;
}

// The keys that a relation on the path is said to give, if it is: they may cover its changes.
bool same_keys(const Dependency& via, List* names, Oid relation) {
    const AttrNumber* end = via.key + via.definition->columns;
    if (std::all_of(via.key, end, [](AttrNumber a) { return a == 0; })) return true;
    if (list_length(names) != via.definition->columns) return false;
    for (int i = 0; i < list_length(names); ++i) {
        const auto* name = static_cast<const char*>(list_nth(names, i));
        if (via.key[i] != (name == nullptr ? 0 : get_attnum(relation, name))) return false;
    }
    return true;
}

const Dependency* via_of(const Dependency& path, Oid relation) {
    const RelationDependencies* r = dependencies_of(relation);
    for (int i = 0; r != nullptr && i < r->count; ++i) {
        const Dependency& dep = r->dependencies[i];
        if (dep.kind == DependencyKind::kVia && dep.path == path.path && dep.declared == relation) {
            return &dep;
        }
    }
    return nullptr;
}

bool covers(const Dependency& path, const PathShape& shape) {
    if (path.mask != shape.mask) return false;
    if (!path.whole_row &&
        (shape.whole_row ||
         !all_among(shape.row_columns, path.declared, path.row_columns, path.row_column_count))) {
        return false;
    }
    for (int i = 0; i < shape.relation_count; ++i) {
        const Oid relation = shape.relations[i];
        const Dependency* via = via_of(path, relation);
        if (via == nullptr || (shape.inserts[i] && !via->inserts)) return false;
        if (!via->all_columns &&
            (shape.all_columns[i] ||
             !all_among(shape.columns[i], relation, via->columns, via->column_count))) {
            return false;
        }
        if (!same_keys(*via, shape.keys[i], relation)) return false;
    }
    return true;
}

struct Analysis {
    SPIPlanPtr plan;  // nullptr: the query fails
    bool holds;
};

// The plan of an analysis that has not come to its end: an error, or a cancel, may have left it.
SPIPlanPtr unfinished = nullptr;

void drop_unfinished() {
    if (unfinished != nullptr) SPI_freeplan(unfinished);
    unfinished = nullptr;
}

void analyse(const Dependency& path, Analysis* a) {
    connect_spi();
    if (path.meaning == 0) elog(ERROR, "it is not known what the query meant");
    const MeantQuery prepared =
        prepare_key_query(path.definition, path.declared, path.key_query, path.meaning);
    SPIPlanPtr plan = prepared.plan;
    // At once: only a plan that is kept hears of changes.
    SPI_keepplan(plan);
    unfinished = plan;
    const PathShape shape = path_shape(path.definition, path.declared, prepared);
    *a = {plan, covers(path, shape)};
    unfinished = nullptr;
    SPI_finish();
}

// Apart, which gives back the locks on what the query reads: a plan that is kept outlives that, and
// the tables are none of this transaction's business until its loader reads them.
Analysis analysis_of(const Dependency& path) {
    Analysis a = {nullptr, false};
    drop_unfinished();
    if (!apart([&] { analyse(path, &a); })) {
        a = {nullptr, false};
        drop_unfinished();
    }
    return a;
}

Check* find_check(int64 path) {
    ListCell* cell;
    foreach (cell, checks) {
        auto* check = static_cast<Check*>(lfirst(cell));
        if (check->path == path) return check;
    }
    return nullptr;
}

bool is_current(const Check& check) {
    if (check.generation != definitions_generation()) return false;
    if (check.plan != nullptr) return SPI_plan_is_valid(check.plan);
    return !TimestampDifferenceExceeds(check.at, GetCurrentTimestamp(), kRetryMs);
}

// Those of other generations would be made anew anyway, if their paths are still declared.
void forget_old_checks() {
    ListCell* cell;
    foreach (cell, checks) {
        auto* check = static_cast<Check*>(lfirst(cell));
        if (is_current(*check)) continue;
        if (check->plan != nullptr) SPI_freeplan(check->plan);
        pfree(check);
        checks = foreach_delete_current(checks, cell);
    }
}

Proof find_out(const Dependency& path) {
    const auto proof_of = [](const Check& check) {
        return check.holds             ? Proof::kHolds
               : check.plan == nullptr ? Proof::kNotFound
                                       : Proof::kFails;
    };
    const Check* known = find_check(path.path);
    if (known != nullptr && is_current(*known)) return proof_of(*known);
    if (IsInParallelMode()) return Proof::kNotFound;  // no subtransactions there
    forget_old_checks();
    const uint64 generation = definitions_generation();
    const Analysis a = analysis_of(path);
    MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
    auto* check = static_cast<Check*>(palloc(sizeof(Check)));
    *check = {path.path, generation, a.plan, GetCurrentTimestamp(), a.holds};
    checks = lappend(checks, check);
    MemoryContextSwitchTo(old);
    return proof_of(*check);
}

}  // namespace

bool key_query_holds(const Dependency& path) {
    return find_out(path) == Proof::kHolds;
}

bool key_queries_hold(const Definition* d) {
    return !d->path_lost &&
           std::all_of(d->paths, d->paths + d->path_count,
                       [](const Dependency* p) { return p->derived || key_query_holds(*p); });
}

Proof proof_of_derived(const Definition* d) {
    Proof proof = text_proves_derived(d);
    for (int i = 0; proof == Proof::kHolds && i < d->path_count; ++i) {
        if (d->paths[i]->derived) proof = find_out(*d->paths[i]);
    }
    return proof;
}

}  // namespace cache_ext::pg
