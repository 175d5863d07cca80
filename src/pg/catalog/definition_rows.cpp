#include "pg/catalog/definition_rows.hpp"

#include "pg/catalog/dependency_row.hpp"
#include "pg/catalog/references.hpp"
#include "pg/catalog/standing.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/snapshots.hpp"

extern "C" {
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "executor/tuptable.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

void scan_table(Oid table, void (*consume)(const Row&, void*), void* context) {
    Relation relation = try_table_open(table, AccessShareLock);
    // DROP EXTENSION was faster: whoever reads this hears of it next.
    if (relation == nullptr) return;
    // A fresh snapshot: an old transaction, too, works with what is declared now. Rows are found by
    // SnapshotAny and judged one by one, since a scan by an MVCC snapshot would leave predicate
    // locks behind in a SERIALIZABLE transaction, which might fail for them.
    Snapshot snapshot = RegisterSnapshot(GetCatalogSnapshot(table));
    TupleTableSlot* slot = table_slot_create(relation, nullptr);
    TableScanDesc scan = begin_scan(relation, SnapshotAny);
    while (table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        if (!table_tuple_satisfies_snapshot(relation, slot, snapshot)) continue;
        slot_getallattrs(slot);
        Row row;
        std::copy_n(slot->tts_values, slot->tts_nvalid, row.values);
        std::copy_n(slot->tts_isnull, slot->tts_nvalid, row.nulls);
        consume(row, context);
    }
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
    UnregisterSnapshot(snapshot);
    table_close(relation, AccessShareLock);
}

struct BudgetName {
    int definition;  // its place in Definitions::all
    char* budget;
};

struct Reading {
    Definitions* definitions;
    int capacity;
    List* budgets;  // BudgetName*
    List* pending;  // PendingDependency*, one per relation that it applies to
};

struct PendingDependency {
    Oid relation;
    Dependency dependency;
};

const char* budget_of(const Reading& reading, const Definition* d) {
    return static_cast<BudgetName*>(
               list_nth(reading.budgets, static_cast<int>(d - reading.definitions->all)))
        ->budget;
}

void consume_definition(const Row& row, void* context) {
    auto* reading = static_cast<Reading*>(context);
    Definitions* all = reading->definitions;
    if (all->count == reading->capacity) {
        reading->capacity *= 2;
        all->all =
            static_cast<Definition*>(repalloc(all->all, sizeof(Definition) * reading->capacity));
    }
    Definition* d = &all->all[all->count++];
    memset(static_cast<void*>(d), 0, sizeof(*d));
    read_definition(all->extension.schema, row, true, d);
    auto* budget = make<BudgetName>();
    budget->definition = all->count - 1;
    budget->budget = row.string(kDefinitionBudget);
    reading->budgets = lappend(reading->budgets, budget);
}

void consume_dependency(const Row& row, void* context) {
    auto* reading = static_cast<Reading*>(context);
    Definition* d = find_in(reading->definitions, row.string(kDependencyCache));
    if (d == nullptr) return;
    --d->dependencies_missing;
    if (!note_lapses(row, d)) return;
    const bool usable = add_tag_of(row, d);
    const Oid declared = DatumGetObjectId(row.values[kDependencyRelation]);
    d->detaching = d->detaching || is_being_detached_from(declared);
    ListCell* cell;
    foreach (cell, find_all_inheritors(declared, NoLock, nullptr)) {
        auto* p = make<PendingDependency>();
        p->relation = lfirst_oid(cell);
        read_dependency(row, p->relation, usable, d, &p->dependency);
        reading->pending = lappend(reading->pending, p);
    }
}

// Does a path dependency's query read tables, and do these announce inserted rows?
void note_tables_of_path(const Definitions* all, Dependency* dep) {
    dep->reads_tables = false;
    dep->inserts = false;
    for (int i = 0; i < all->relation_count; ++i) {
        const RelationDependencies& r = all->relations[i];
        for (int k = 0; k < r.count; ++k) {
            const Dependency& via = r.dependencies[k];
            if (via.kind != DependencyKind::kVia || via.path != dep->path) continue;
            dep->reads_tables = true;
            dep->inserts |= via.inserts;
        }
    }
}

void note_tables_of_paths(Definitions* all) {
    for (int i = 0; i < all->relation_count; ++i) {
        const RelationDependencies& r = all->relations[i];
        for (int k = 0; k < r.count; ++k) {
            Dependency& dep = r.dependencies[k];
            if (dep.kind == DependencyKind::kPath) note_tables_of_path(all, &dep);
        }
    }
}

// Does every change of a relation on a path that concerns the path concern the key dependency, too?
bool notices_all_of(const Dependency& key, const Dependency& via) {
    if (key.all_columns) return true;
    if (via.all_columns) return false;
    const auto among = [](AttrNumber column, const AttrNumber* columns, int count) {
        return std::find(columns, columns + count, column) != columns + count;
    };
    for (int i = 0; i < via.column_count; ++i) {
        if (!among(via.columns[i], key.columns, key.column_count) &&
            !among(via.columns[i], key.key, key.definition->columns)) {
            return false;
        }
    }
    return true;
}

// A changed path moves keys. Where the cache depends on the path's table by the very columns that
// the query returns, the keys before and after the change are invalidated anyway.
void find_covered_vias(Definitions* all) {
    for (int i = 0; i < all->relation_count; ++i) {
        RelationDependencies& r = all->relations[i];
        for (int a = 0; a < r.count; ++a) {
            Dependency& via = r.dependencies[a];
            if (via.kind != DependencyKind::kVia) continue;
            for (int b = 0; b < r.count; ++b) {
                const Dependency& key = r.dependencies[b];
                const bool same_keys =
                    key.kind == DependencyKind::kKey && key.mask == via.mask &&
                    key.definition == via.definition &&
                    std::equal(key.key, key.key + key.definition->columns, via.key);
                via.covers_rows |= same_keys;
                via.covers_updates |= same_keys && notices_all_of(key, via);
            }
        }
    }
}

// Does a path of the same cache lead through the relation from another table than that one? Such a
// path takes the keys of new rows to be told of.
bool is_passed_from_elsewhere(const Definitions* all, const RelationDependencies& r,
                              const Dependency& key) {
    for (int k = 0; k < r.count; ++k) {
        const Dependency& via = r.dependencies[k];
        if (via.kind != DependencyKind::kVia || via.definition != key.definition) continue;
        for (int i = 0; i < all->relation_count; ++i) {
            const RelationDependencies& from = all->relations[i];
            for (int n = 0; n < from.count; ++n) {
                const Dependency& path = from.dependencies[n];
                if (path.kind == DependencyKind::kPath && path.path == via.path &&
                    path.declared != key.referenced_by) {
                    return true;
                }
            }
        }
    }
    return false;
}

// Whoever makes a row that references another one tells of it himself; so he must be noticed, too.
// What becomes of the foreign key is heard of by the two tables, both of which are known then.
void find_waiting_rows(Definitions* all) {
    for (int i = 0; i < all->relation_count; ++i) {
        const RelationDependencies& r = all->relations[i];
        for (int k = 0; k < r.count; ++k) {
            Dependency& dep = r.dependencies[k];
            const Definition* d = dep.definition;
            const Oid* known = d->relations;
            const Oid* end = known + d->relation_count;
            dep.new_rows_wait = OidIsValid(dep.referenced_by) && dep.declared == r.relation &&
                                std::find(known, end, dep.referenced_by) != end &&
                                !is_passed_from_elsewhere(all, r, dep) &&
                                is_reference_kept(dep.referenced_by, r.relation);
        }
    }
}

// A restore has lost some of its dependencies.
void note_incomplete(Definition* d) {
    if (d->dependencies_missing <= 0 || d->lapse != Lapse::kNone) return;
    d->lapse = Lapse::kIncomplete;
    d->lapse_text = psprintf("%d of its dependencies were not restored", d->dependencies_missing);
}

void find_paths(Definitions* all) {
    for (int i = 0; i < all->relation_count; ++i) {
        const RelationDependencies& r = all->relations[i];
        for (int k = 0; k < r.count; ++k) {
            const Dependency& dep = r.dependencies[k];
            if (dep.kind != DependencyKind::kPath || dep.declared != r.relation) continue;
            Definition& d = all->all[dep.definition - all->all];
            // NOLINTNEXTLINE(bugprone-sizeof-expression): pointers it is
            const size_t size = sizeof(const Dependency*) * (d.path_count + 1);
            d.paths = static_cast<const Dependency**>(d.path_count == 0 ? palloc(size)
                                                                        : repalloc(d.paths, size));
            d.paths[d.path_count++] = &dep;
        }
    }
    for (int i = 0; i < all->count; ++i) {
        Definition& d = all->all[i];
        const bool asks = d.loader_name == nullptr && (d.path_count > 0 || d.path_lost);
        if (asks && d.lapse == Lapse::kNone) d.lapse = Lapse::kAsk;
        all->lapsed = all->lapsed || d.lapse == Lapse::kRenamed || d.lapse == Lapse::kHidden;
    }
}

// Sorts the pending dependencies by relation.
void build_relation_index(Reading* reading) {
    Definitions* all = reading->definitions;
    HASHCTL info = {};
    info.keysize = sizeof(Oid);
    info.entrysize = sizeof(RelationSlot);
    info.hcxt = all->context;
    all->by_relation =
        hash_create("cache_ext dependencies", 64, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    const int most = std::max(1, list_length(reading->pending));
    all->relations =
        static_cast<RelationDependencies*>(palloc0(sizeof(RelationDependencies) * most));
    ListCell* cell;
    foreach (cell, reading->pending) {
        auto* p = static_cast<PendingDependency*>(lfirst(cell));
        bool found;
        auto* slot = static_cast<RelationSlot*>(
            hash_search(all->by_relation, &p->relation, HASH_ENTER, &found));
        if (!found) slot->index = all->relation_count++;
        RelationDependencies& r = all->relations[slot->index];
        r.relation = p->relation;
        r.has_no_triggers = get_rel_relkind(p->relation) == RELKIND_MATVIEW;
        const size_t size = sizeof(Dependency) * (r.count + 1);
        r.dependencies =
            static_cast<Dependency*>(r.count == 0 ? palloc(size) : repalloc(r.dependencies, size));
        r.dependencies[r.count++] = p->dependency;
    }
    for (int i = 0; i < all->count; ++i) {
        Definition& d = all->all[i];
        d.relations = make_array<Oid>(static_cast<size_t>(most));
        for (int r = 0; r < all->relation_count; ++r) {
            const RelationDependencies& deps = all->relations[r];
            for (int k = 0; k < deps.count; ++k) {
                if (deps.dependencies[k].definition == &d) {
                    d.relations[d.relation_count++] = deps.relation;
                    break;
                }
            }
        }
    }
}

}  // namespace

bool tables_are_ours(Oid definition_table, Oid dependency_table) {
    return is_definition_table(definition_table) && is_dependency_table(dependency_table);
}

Definition* find_in(Definitions* all, const char* name) {
    for (int i = 0; i < all->count; ++i) {
        if (strcmp(all->all[i].name, name) == 0) return &all->all[i];
    }
    return nullptr;
}

void read_definitions(Definitions* all) {
    Reading reading = {all, 16, NIL, NIL};
    all->all = make_array<Definition>(static_cast<size_t>(reading.capacity));
    // Taken before the tables are read, so the definitions are at least this new.
    const core::Snapshot under = copy_to_core(GetCatalogSnapshot(all->extension.definition_table));
    scan_table(all->extension.definition_table, consume_definition, &reading);
    for (int i = 0; i < all->count; ++i) all->all[i].read_under = under;
    ListCell* cell;
    foreach (cell, reading.budgets) {
        auto* budget = static_cast<BudgetName*>(lfirst(cell));
        if (budget->budget == nullptr) continue;
        const Definition* owner = find_in(all, budget->budget);
        Definition& d = all->all[budget->definition];
        // Whose budget is shared has one of its own.
        if (owner != nullptr && budget_of(reading, owner) == nullptr) d.budget_id = owner->id;
    }
    // What lists them does not depend on where their rows lie.
    std::sort(all->all, all->all + all->count,
              [](const Definition& a, const Definition& b) { return strcmp(a.name, b.name) < 0; });
    scan_table(all->extension.dependency_table, consume_dependency, &reading);
    for (int i = 0; i < all->count; ++i) note_incomplete(&all->all[i]);
    build_relation_index(&reading);
    note_tables_of_paths(all);
    find_covered_vias(all);
    find_waiting_rows(all);
    find_paths(all);
}

}  // namespace cache_ext::pg
