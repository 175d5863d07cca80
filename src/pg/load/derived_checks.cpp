#include "pg/load/derived_checks.hpp"

#include "pg/base/apart.hpp"
#include "pg/base/memory.hpp"

extern "C" {
#include "access/parallel.h"
#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "storage/sinval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"
}

namespace cache_ext::pg {
namespace {

// What this session has found out.
struct Check {
    uint64 cache;
    uint64 generation;  // definitions_generation() of then
    uint64 messages;    // SharedInvalidMessageCounter of then
    Proof proof;
    TimestampTz at;
};
List* checks = NIL;

constexpr int kMostTries = 3;   // while messages come in
constexpr int kRetryMs = 1000;  // after an error

bool among(AttrNumber column, const AttrNumber* columns, int count) {
    return std::find(columns, columns + count, column) != columns + count;
}

bool matters(const Dependency& dep, AttrNumber column) {
    return column != InvalidAttrNumber && (among(column, dep.columns, dep.column_count) ||
                                           among(column, dep.key, dep.definition->columns) ||
                                           among(column, dep.row_columns, dep.row_column_count));
}

bool covers_columns(const Dependency& dep, Oid relation, const LoaderInput& input) {
    if (dep.all_columns) return true;
    if (input.all_columns) return dep.any_column;
    ListCell* cell;
    foreach (cell, input.columns) {
        if (!matters(dep, get_attnum(relation, static_cast<char*>(lfirst(cell))))) {
            return false;
        }
    }
    return true;
}

// Does every row that matters by the mapping invalidate by the dependency what it has to? With
// nullptr: everything.
bool covers(const Dependency& dep, Oid relation, const LoaderInput& input,
            const RowMapping* mapping) {
    switch (dep.kind) {
        case DependencyKind::kVia:
            return false;
        case DependencyKind::kPath:
            return mapping != nullptr && mapping->key_query != nullptr &&
                   strcmp(mapping->key_query, dep.key_query) == 0 &&
                   covers_columns(dep, relation, input);
        case DependencyKind::kKey:
            break;
    }
    if (dep.bounds.any() && (mapping == nullptr || !(mapping->bounds == dep.bounds))) return false;
    for (int i = 0; i < dep.definition->columns; ++i) {
        if (dep.key[i] == 0) continue;
        // That a row's instant is near an argument does not mean that the two are equal.
        const bool told = mapping != nullptr && mapping->bounds.name(i) == dep.bounds.name(i);
        const char* name = told ? mapping->key[i] : nullptr;
        if (name == nullptr || get_attnum(relation, name) != dep.key[i]) return false;
    }
    return covers_columns(dep, relation, input);
}

bool any_covers(const Definition* d, Oid relation, const LoaderInput& input,
                const RowMapping* mapping) {
    const RelationDependencies* r = dependencies_of(relation);
    for (int i = 0; r != nullptr && i < r->count; ++i) {
        if (r->dependencies[i].definition->id == d->id &&
            covers(r->dependencies[i], relation, input, mapping)) {
            return true;
        }
    }
    return false;
}

bool has_derived(const Definition* d, Oid relation) {
    const RelationDependencies* r = dependencies_of(relation);
    for (int i = 0; r != nullptr && i < r->count; ++i) {
        const Dependency& dep = r->dependencies[i];
        if (dep.definition->id == d->id && dep.derived && dep.kind != DependencyKind::kVia) {
            return true;
        }
    }
    return false;
}

// What somebody has declared by hand is his word, and the rest is tracked.
bool is_covered_on(const Definition* d, Oid relation, const LoaderInput& input) {
    if (!has_derived(d, relation)) return true;
    if (input.unproven != nullptr) return any_covers(d, relation, input, nullptr);
    ListCell* cell;
    foreach (cell, input.mappings) {
        if (!any_covers(d, relation, input, static_cast<RowMapping*>(lfirst(cell)))) return false;
    }
    return true;
}

// Partitions and children are read with it, and those that have declarations of their own are not
// tracked with it. (What is declared on something above is one of them by now.)
bool is_covered(const Definition* d, const LoaderInput& input) {
    ListCell* cell;
    foreach (cell, find_all_inheritors(input.relation, NoLock, nullptr)) {
        if (!is_covered_on(d, lfirst_oid(cell), input)) return false;
    }
    return true;
}

bool prove(const Definition* d) {
    const LoaderAnalysis* analysis = analyse_loader(d, InvalidOid);
    if (analysis->unseen != nullptr) return false;
    ListCell* cell;
    foreach (cell, analysis->inputs) {
        if (!is_covered(d, *static_cast<LoaderInput*>(lfirst(cell)))) return false;
    }
    return true;
}

Proof prove_apart(const Definition* d) {
    MemoryContext work = AllocSetContextCreate(
        CurrentMemoryContext, "cache_ext analysis of a loader", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(work);
    bool holds = false;
    const bool done = apart([&] { holds = prove(d); });
    MemoryContextSwitchTo(old);
    MemoryContextDelete(work);
    if (!done) return Proof::kNotFound;
    return holds ? Proof::kHolds : Proof::kFails;
}

// An error may be of that moment: somebody held a lock for too long. Not to be met twice in one
// statement, which may fill many entries.
bool is_current(const Check& check) {
    if (check.generation != definitions_generation() ||
        check.messages != SharedInvalidMessageCounter) {
        return false;
    }
    if (check.proof != Proof::kNotFound) return true;
    // Workers have no statements.
    const TimestampTz now =
        MyBackendType == B_BG_WORKER ? GetCurrentTimestamp() : GetCurrentStatementStartTimestamp();
    return !TimestampDifferenceExceeds(check.at, now, kRetryMs);
}

// Those of other generations would be made anew anyway, if their caches are still there.
void forget_old_checks() {
    ListCell* cell;
    foreach (cell, checks) {
        auto* check = static_cast<Check*>(lfirst(cell));
        if (check->generation == definitions_generation()) continue;
        pfree(check);
        checks = foreach_delete_current(checks, cell);
    }
}

Check* check_of(uint64 cache) {
    ListCell* cell;
    foreach (cell, checks) {
        auto* check = static_cast<Check*>(lfirst(cell));
        if (check->cache == cache) return check;
    }
    forget_old_checks();
    MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
    auto* check = make<Check>();
    check->cache = cache;
    checks = lappend(checks, check);
    MemoryContextSwitchTo(old);
    return check;
}

}  // namespace

Proof text_proves_derived(const Definition* d) {
    if (d->derivation == 0) return Proof::kHolds;
    const uint64 cache = d->id;
    Check* check = check_of(cache);
    for (int i = 0; i < kMostTries && !is_current(*check); ++i) {
        if (IsInParallelMode()) return Proof::kNotFound;  // no subtransactions there
        const uint64 generation = definitions_generation();
        const uint64 messages = SharedInvalidMessageCounter;
        const Proof proof = prove_apart(d);
        // It is another definition now.
        if (generation != definitions_generation()) return Proof::kNotFound;
        *check = {cache, generation, messages, proof, GetCurrentTimestamp()};
    }
    return is_current(*check) ? check->proof : Proof::kNotFound;
}

LoaderAnalysis* analysis_of(const Definition* d, Oid declarer) {
    LoaderAnalysis* analysis = nullptr;
    const bool done = apart([&] { analysis = analyse_loader(d, declarer); });
    return done ? analysis : nullptr;
}

}  // namespace cache_ext::pg
