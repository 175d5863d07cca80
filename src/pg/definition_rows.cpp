#include "pg/definition_rows.hpp"

#include "pg/declaration.hpp"
#include "pg/definition_row.hpp"
#include "pg/memory.hpp"
#include "pg/shared.hpp"
#include "pg/standing.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

// dependency table columns, in order
enum {
    kDepId,
    kDepCache,
    kDepRelation,
    kDepKey,
    kDepColumns,
    kDepKeyQuery,
    kDepKeyMask,
    kDepPath,
    kDepInserts,
    kDepDeclaredAs,
    kDepKeyNumbers,
    kDepColumnNumbers,
    kDepByName,
    kDependencyColumns
};

constexpr ExpectedColumn kDependencyTable[] = {
    {"id", INT8OID},
    {"cache", TEXTOID},
    {"relation", REGCLASSOID},
    {"key", TEXTARRAYOID},
    {"columns", TEXTARRAYOID},
    {"key_query", TEXTOID},
    {"key_mask", INT4OID},
    {"path", INT8OID},
    {"inserts", BOOLOID},
    {"declared_as", TEXTARRAYOID},
    {"key_numbers", INT2ARRAYOID},
    {"column_numbers", INT2ARRAYOID},
    {"by_name", BOOLOID},
};
static_assert(sizeof(kDependencyTable) / sizeof(kDependencyTable[0]) == kDependencyColumns);

void scan_table(Oid table, void (*consume)(const Row&, void*), void* context) {
    Relation relation = try_table_open(table, AccessShareLock);
    // DROP EXTENSION was faster: whoever reads this hears of it next.
    if (relation == nullptr) return;
    // A fresh snapshot: an old transaction, too, works with what is declared now. Rows are found by
    // SnapshotAny and judged one by one, since a scan by an MVCC snapshot would leave predicate
    // locks behind in a SERIALIZABLE transaction, which might fail for them.
    Snapshot snapshot = RegisterSnapshot(GetCatalogSnapshot(table));
    TupleTableSlot* slot = table_slot_create(relation, nullptr);
    TableScanDesc scan = table_beginscan(relation, SnapshotAny, 0, nullptr);
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

struct Loading {
    Definitions* definitions;
    int capacity;
    List* budgets;  // BudgetName*
    List* pending;  // PendingDependency*, one per relation that it applies to
};

struct PendingDependency {
    Oid relation;
    Dependency dependency;
};

const char* budget_of(const Loading& loading, const Definition* d) {
    return static_cast<BudgetName*>(
               list_nth(loading.budgets, static_cast<int>(d - loading.definitions->all)))
        ->budget;
}

void consume_definition(const Row& row, void* context) {
    auto* loading = static_cast<Loading*>(context);
    Definitions* all = loading->definitions;
    if (all->count == loading->capacity) {
        loading->capacity *= 2;
        all->all =
            static_cast<Definition*>(repalloc(all->all, sizeof(Definition) * loading->capacity));
    }
    Definition* d = &all->all[all->count++];
    memset(static_cast<void*>(d), 0, sizeof(*d));
    read_definition(all->schema, row, true, d);
    auto* budget = make<BudgetName>();
    budget->definition = all->count - 1;
    budget->budget = row.string(kDefinitionBudget);
    loading->budgets = lappend(loading->budgets, budget);
}

ArrayType* array_at(const Row& row, int i) {
    return DatumGetArrayTypeP(row.values[i]);
}

// The statement that declares the dependency again.
char* mending_statement(const Definition* d, const Row& row) {
    const char* cache = quote_literal_cstr(d->name);
    const char* relation = quote_literal_cstr(name_as_sql(array_at(row, kDepDeclaredAs)));
    if (!row.nulls[kDepPath]) return psprintf("cache_invalidate_on_path(%s, ...)", cache);
    if (!row.nulls[kDepKeyQuery]) {
        return psprintf("cache_invalidate_on_path(%s, %s, %s)", cache, relation,
                        quote_literal_cstr(row.string(kDepKeyQuery)));
    }
    const auto array = [&](int i, const char* if_none) {
        return row.nulls[i] ||
                       ArrayGetNItems(ARR_NDIM(array_at(row, i)), ARR_DIMS(array_at(row, i))) == 0
                   ? if_none
                   : psprintf(", %s", quote_literal_cstr(
                                          OidOutputFunctionCall(F_ARRAY_OUT, row.values[i])));
    };
    const char* columns = array(kDepColumns, "");
    return psprintf("cache_invalidate_on(%s, %s%s%s)", cache, relation,
                    array(kDepKey, columns[0] != '\0' ? ", NULL" : ""), columns);
}

// Declared again, the row goes.
void add_id(const Row& row, List** ids) {
    if (!row.nulls[kDepPath]) return;
    auto* id = make<int64>();
    *id = DatumGetInt64(row.values[kDepId]);
    *ids = lappend(*ids, id);
}

void note_lapse(Definition* d, const Row& row, Lapse lapse) {
    if (lapse == Lapse::kHidden) {
        add_id(row, &d->hidden);
    } else if (lapse != Lapse::kForeign) {
        add_id(row, &d->stale);
    }
    if (d->lapse != Lapse::kNone) return;
    d->lapse = lapse;
    const char* relation = name_as_sql(array_at(row, kDepDeclaredAs));
    const char* text = "%s is not the table any more that had this name: SELECT %s";
    if (lapse == Lapse::kDropped) {
        text =
            "%s was dropped: SELECT %s if there is one of that name, else declare the cache anew";
    } else if (lapse == Lapse::kHidden) {
        text =
            "%s is hidden by another table of its name on the search_path: SELECT %s, and the same "
            "for the other one";
    } else if (lapse == Lapse::kForeign) {
        text =
            "%s has a part on a foreign server, whose changes nobody notices: detach it, or drop "
            "the cache";
    }
    d->lapse_text = psprintf(text, relation, mending_statement(d, row));
}

void note_widened(Definition* d, const Row& row) {
    add_id(row, &d->stale);
    if (d->widened_text != nullptr) return;
    d->widened_text =
        psprintf("columns of %s are not what they were: SELECT %s",
                 name_as_sql(array_at(row, kDepDeclaredAs)), mending_statement(d, row));
}

// False: the row says nothing any more that changed columns could be mapped by.
bool resolve_mapping(const Row& row, Oid declared, Oid relation, Dependency* dep) {
    const Definition* d = dep->definition;
    ArrayType* names = array_at(row, kDepKey);
    ArrayType* numbers = array_at(row, kDepKeyNumbers);
    if (dep->kind == DependencyKind::kPath) {
        dep->row_columns = make_array<AttrNumber>(MaxHeapAttributeNumber);
        dep->whole_row = ARR_HASNULL(names);
        if (dep->whole_row) {
            dep->row_column_count = all_columns_of(declared, relation, dep->row_columns);
            return true;
        }
        return resolve_columns(declared, relation, names, numbers, dep->row_columns,
                               MaxHeapAttributeNumber, &dep->row_column_count);
    }
    int count;
    if (!resolve_columns(declared, relation, names, numbers, dep->key, kMaxKeyColumns, &count)) {
        return false;
    }
    // A key column of another type, or with other ideas of what is equal, maps to nothing any more.
    for (int i = 0; i < count; ++i) {
        if (dep->key[i] != 0 && !gives_key(relation, dep->key[i], d->key_types[i])) return false;
    }
    return true;
}

ColumnMask mask_of(const Row& row) {
    return static_cast<ColumnMask>(DatumGetInt32(row.values[kDepKeyMask]));
}

// Are the key columns that the row says it maps those that it maps?
bool mask_fits(const Row& row, const Definition* d) {
    if (d->broken != nullptr || mask_of(row) >> d->columns != 0) return false;
    if (!row.nulls[kDepKeyQuery] || !row.nulls[kDepPath]) return true;
    Datum* names;
    bool* nulls;
    int count;
    deconstruct_array(DatumGetArrayTypeP(row.values[kDepKey]), TEXTOID, -1, false, TYPALIGN_INT,
                      &names, &nulls, &count);
    ColumnMask mapped = 0;
    for (int i = 0; i < count && i < kMaxKeyColumns; ++i) {
        if (!nulls[i]) mapped |= ColumnMask{1} << i;
    }
    return mapped == mask_of(row) && (count == 0 || count == d->columns);
}

// A set of key columns is a tag of every entry, if there is room for one more.
bool add_mask(ColumnMask mask, Definition* d) {
    if (mask == 0 || d->full_mask(mask)) return true;
    if (std::find(d->masks, d->masks + d->mask_count, mask) != d->masks + d->mask_count)
        return true;
    if (d->mask_count == static_cast<int>(core::kMaxTags)) return false;
    d->masks[d->mask_count++] = mask;
    return true;
}

void add_pending(Loading* loading, Oid relation, const Row& row, Definition* d, Oid declared,
                 bool usable) {
    auto* p = static_cast<PendingDependency*>(palloc0(sizeof(PendingDependency)));
    p->relation = relation;
    Dependency& dep = p->dependency;
    dep.definition = d;
    dep.declared = declared;
    dep.mask = mask_of(row);
    dep.key_query = row.string(kDepKeyQuery);
    dep.inserts = DatumGetBool(row.values[kDepInserts]);
    dep.kind = dep.key_query != nullptr ? DependencyKind::kPath
               : !row.nulls[kDepPath]   ? DependencyKind::kLookup
                                        : DependencyKind::kKey;
    dep.path = DatumGetInt64(row.values[dep.kind == DependencyKind::kLookup ? kDepPath : kDepId]);
    dep.all_columns = row.nulls[kDepColumns];
    if (!dep.all_columns) {
        dep.columns = make_array<AttrNumber>(MaxHeapAttributeNumber);
        // A column that was renamed or dropped: every change matters.
        dep.all_columns = row.nulls[kDepColumnNumbers] ||
                          array_contains_nulls(array_at(row, kDepColumns)) ||
                          !resolve_columns(declared, relation, array_at(row, kDepColumns),
                                           array_at(row, kDepColumnNumbers), dep.columns,
                                           MaxHeapAttributeNumber, &dep.column_count);
        if (dep.all_columns) note_widened(d, row);
    }
    if (!usable || !resolve_mapping(row, declared, relation, &dep)) {
        d->path_lost |= dep.kind != DependencyKind::kKey;
        // Every change concerns the whole cache.
        dep.all_columns = true;
        dep.kind = DependencyKind::kKey;
        dep.mask = 0;
        memset(dep.key, 0, sizeof(dep.key));
        note_widened(d, row);
    }
    loading->pending = lappend(loading->pending, p);
}

void consume_dependency(const Row& row, void* context) {
    auto* loading = static_cast<Loading*>(context);
    Definition* d = find_in(loading->definitions, row.string(kDepCache));
    const Oid declared = DatumGetObjectId(row.values[kDepRelation]);
    if (d == nullptr) return;
    --d->dependencies_missing;
    const Lapse lapse = lapse_of(declared, array_at(row, kDepDeclaredAs));
    if (lapse != Lapse::kNone) note_lapse(d, row, lapse);
    if (lapse == Lapse::kDropped) return;
    const Oid by_name =
        DatumGetBool(row.values[kDepByName]) ? meant_by_name(d, declared) : declared;
    if (OidIsValid(by_name) && by_name != declared) note_lapse(d, row, Lapse::kHidden);

    const bool usable = mask_fits(row, d) && add_mask(mask_of(row), d);

    if (has_foreign_part(declared)) note_lapse(d, row, Lapse::kForeign);
    ListCell* cell;
    foreach (cell, find_all_inheritors(declared, NoLock, nullptr)) {
        add_pending(loading, lfirst_oid(cell), row, d, declared, usable);
    }
}

// Do the tables that a path dependency's query reads announce inserted rows?
bool lookups_announce_inserts(const Definitions* all, int64 path) {
    for (int i = 0; i < all->relation_count; ++i) {
        const RelationDependencies& r = all->relations[i];
        for (int k = 0; k < r.count; ++k) {
            const Dependency& d = r.dependencies[k];
            if (d.kind == DependencyKind::kLookup && d.path == path && d.inserts) return true;
        }
    }
    return false;
}

// Does every change that concerns the lookup concern the key dependency, too?
bool notices_all_of(const Dependency& key, const Dependency& lookup) {
    if (key.all_columns) return true;
    if (lookup.all_columns) return false;
    const auto among = [](AttrNumber column, const AttrNumber* columns, int count) {
        return std::find(columns, columns + count, column) != columns + count;
    };
    for (int i = 0; i < lookup.column_count; ++i) {
        if (!among(lookup.columns[i], key.columns, key.column_count) &&
            !among(lookup.columns[i], key.key, key.definition->columns)) {
            return false;
        }
    }
    return true;
}

// A changed path moves keys. Where the cache depends on the path's table by the very columns that
// the query returns, the keys before and after the change are invalidated anyway.
void find_covered_lookups(Definitions* all) {
    for (int i = 0; i < all->relation_count; ++i) {
        RelationDependencies& r = all->relations[i];
        for (int a = 0; a < r.count; ++a) {
            Dependency& lookup = r.dependencies[a];
            if (lookup.kind == DependencyKind::kPath) {
                lookup.inserts = lookups_announce_inserts(all, lookup.path);
            }
            if (lookup.kind != DependencyKind::kLookup) continue;
            for (int b = 0; b < r.count; ++b) {
                const Dependency& key = r.dependencies[b];
                const bool same_keys =
                    key.kind == DependencyKind::kKey && key.mask == lookup.mask &&
                    key.definition == lookup.definition &&
                    std::equal(key.key, key.key + key.definition->columns, lookup.key);
                lookup.covers_rows |= same_keys;
                lookup.covers_updates |= same_keys && notices_all_of(key, lookup);
            }
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
void build_relation_index(Loading* loading) {
    Definitions* all = loading->definitions;
    HASHCTL info = {};
    info.keysize = sizeof(Oid);
    info.entrysize = sizeof(RelationSlot);
    info.hcxt = all->context;
    all->by_relation =
        hash_create("cache_ext dependencies", 64, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    const int most = std::max(1, list_length(loading->pending));
    all->relations =
        static_cast<RelationDependencies*>(palloc0(sizeof(RelationDependencies) * most));
    ListCell* cell;
    foreach (cell, loading->pending) {
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
    return is_definition_table(definition_table) &&
           has_columns(dependency_table, kDependencyTable, kDependencyColumns);
}

const int kDependencyCache = kDepCache;
const int kDependencyRelation = kDepRelation;
const int kDependencyQuery = kDepKeyQuery;

const char* dependency_fault(const Row& row, const Definition* d) {
    const int32 mask = DatumGetInt32(row.values[kDepKeyMask]);
    ArrayType* key = DatumGetArrayTypeP(row.values[kDepKey]);
    ArrayType* columns =
        row.nulls[kDepColumns] ? nullptr : DatumGetArrayTypeP(row.values[kDepColumns]);
    const Oid relation = DatumGetObjectId(row.values[kDepRelation]);
    if (name_problem(row.string(kDepCache)) != nullptr) return "no cache can have that name";
    if (!row.nulls[kDepKeyQuery] && !row.nulls[kDepPath]) return "it is a path and a part of one";
    if (mask < 0 || mask >> kMaxKeyColumns != 0) return "its key_mask is out of range";
    if (ARR_NDIM(key) > 1 || (columns != nullptr && ARR_NDIM(columns) > 1)) {
        return "an array has more than one dimension";
    }
    if (columns != nullptr && array_contains_nulls(columns)) return "its columns contain nulls";
    if (d != nullptr && d->broken == nullptr && !mask_fits(row, d)) {
        return "its key_mask is not that of its key";
    }
    for (ArrayType* names : {key, columns}) {
        if (names != nullptr && !columns_exist(relation, names)) {
            return "its relation has no such columns";
        }
    }
    return nullptr;
}

Oid find_function(Oid schema, const char* name, int columns, const Oid* types) {
    oidvector* arguments = buildoidvector(types, columns);
    return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
                           PointerGetDatum(arguments), ObjectIdGetDatum(schema));
}

Definition* find_in(Definitions* all, const char* name) {
    for (int i = 0; i < all->count; ++i) {
        if (strcmp(all->all[i].name, name) == 0) return &all->all[i];
    }
    return nullptr;
}

void read_definitions(Definitions* all) {
    Loading loading = {all, 16, NIL, NIL};
    all->all = make_array<Definition>(static_cast<size_t>(loading.capacity));
    // Taken before the tables are read, so the definitions are at least this new.
    const core::Snapshot under = copy_to_core(GetCatalogSnapshot(all->definition_table));
    scan_table(all->definition_table, consume_definition, &loading);
    for (int i = 0; i < all->count; ++i) all->all[i].loaded_under = under;
    ListCell* cell;
    foreach (cell, loading.budgets) {
        auto* budget = static_cast<BudgetName*>(lfirst(cell));
        if (budget->budget == nullptr) continue;
        const Definition* owner = find_in(all, budget->budget);
        Definition& d = all->all[budget->definition];
        // Whose budget is shared has one of its own.
        if (owner != nullptr && budget_of(loading, owner) == nullptr) d.budget_id = owner->id;
    }
    // What lists them does not depend on where their rows lie.
    std::sort(all->all, all->all + all->count,
              [](const Definition& a, const Definition& b) { return strcmp(a.name, b.name) < 0; });
    scan_table(all->dependency_table, consume_dependency, &loading);
    for (int i = 0; i < all->count; ++i) note_incomplete(&all->all[i]);
    build_relation_index(&loading);
    find_covered_lookups(all);
    find_paths(all);
}

}  // namespace cache_ext::pg
