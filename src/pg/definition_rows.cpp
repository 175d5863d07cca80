#include "pg/definition_rows.hpp"

#include "pg/memory.hpp"
#include "pg/row_loaders.hpp"
#include "pg/shared.hpp"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "executor/tuptable.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

// One column of a heap tuple; a null gives `null`.
struct Row {
    Datum values[32];
    bool nulls[32];

    char* string(int i) const { return nulls[i] ? nullptr : TextDatumGetCString(values[i]); }
    int64 milliseconds(int i, int64 if_null) const {
        return nulls[i] ? if_null : interval_ms(DatumGetIntervalP(values[i]));
    }
};

// definition table columns, in order
enum {
    kName,
    kId,
    kLoader,
    kKeyTypes,
    kValueType,
    kTtl,
    kRefreshAt,
    kMaxEntries,
    kMaxMemory,
    kBudget,
    kStaleFor,
    kLoadMany,
    kLoadAll,
    kSyncEvery,
    kWarmKeys,
    kWarmEvery,
    kWarmOnInvalidate,
    kPriority,
    kNullTtl,
    kTtlMin,
    kTtlMax,
    kLoadTimeout,
    kWarmWhenIdle,
    kSettings,
    kDefinitionColumns
};

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
    kDependencyColumns
};

void resolve_loader(Definition* d) {
    if (d->loader_name == nullptr) return;
    List* names = stringToQualifiedNameList(d->loader_name);
    const Oid schema =
        list_length(names) == 2 ? get_namespace_oid(strVal(linitial(names)), true) : InvalidOid;
    d->loader = OidIsValid(schema)
                    ? find_function(schema, strVal(lsecond(names)), d->columns, d->key_types)
                    : InvalidOid;
    HeapTuple tuple =
        OidIsValid(d->loader) ? SearchSysCache1(PROCOID, ObjectIdGetDatum(d->loader)) : nullptr;
    if (!HeapTupleIsValid(tuple)) {
        d->loader = InvalidOid;
        return;
    }
    auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    d->loader_volatile = proc->provolatile == PROVOLATILE_VOLATILE;
    d->loader_changed =
        proc->prorettype != d->value_type || proc->proretset || proc->prokind != PROKIND_FUNCTION;
    ReleaseSysCache(tuple);
}

void read_definition(Oid schema, const Row& row, Definition* d) {
    strlcpy(d->name, row.string(kName), NAMEDATALEN);
    d->id = static_cast<uint64>(DatumGetInt64(row.values[kId]));
    d->index = core::kNoCache;
    Datum* types;
    int count;
    deconstruct_array(DatumGetArrayTypeP(row.values[kKeyTypes]), REGTYPEOID, sizeof(Oid), true,
                      TYPALIGN_INT, &types, nullptr, &count);
    d->columns = std::min(count, kMaxKeyColumns);
    for (int i = 0; i < d->columns; ++i) d->key_types[i] = DatumGetObjectId(types[i]);
    char accessor[NAMEDATALEN];
    snprintf(accessor, sizeof(accessor), "cache_get_%s", d->name);
    d->accessor = find_function(schema, accessor, d->columns, d->key_types);
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(d->accessor));
    if (HeapTupleIsValid(tuple)) {
        d->owner = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->proowner;
        ReleaseSysCache(tuple);
    }
    d->value_type = DatumGetObjectId(row.values[kValueType]);
    d->broken = d->columns != count || !SearchSysCacheExists1(TYPEOID, d->value_type);
    for (int i = 0; i < d->columns; ++i) d->broken |= !key_type_supported(d->key_types[i]);
    if (!d->broken) get_typlenbyval(d->value_type, &d->value_length, &d->value_by_value);
    d->value_is_base =
        get_typtype(d->value_type) == TYPTYPE_BASE && !OidIsValid(get_element_type(d->value_type));
    d->loader_collation = DEFAULT_COLLATION_OID;
    d->loader_name = row.string(kLoader);
    resolve_loader(d);
    d->load_many_name = row.string(kLoadMany);
    if (d->load_many_name != nullptr && !d->broken) {
        d->load_many = find_row_loader(d->load_many_name, row_shape(d), true);
    }
    d->load_all_name = row.string(kLoadAll);
    if (d->load_all_name != nullptr && !d->broken) {
        d->load_all = find_row_loader(d->load_all_name, row_shape(d), false);
    }
    d->warm_keys = row.string(kWarmKeys);
    d->warm_every_ms = row.milliseconds(kWarmEvery, 0);
    d->warm_on_invalidate = DatumGetBool(row.values[kWarmOnInvalidate]);
    d->warm_when_idle = DatumGetBool(row.values[kWarmWhenIdle]);
    d->sync_every_ms = row.milliseconds(kSyncEvery, 0);
    d->ttl_ms = row.milliseconds(kTtl, -1);
    d->null_ttl_ms = row.milliseconds(kNullTtl, -1);
    d->ttl_min_ms = row.milliseconds(kTtlMin, d->ttl_ms);
    d->ttl_max_ms = row.milliseconds(kTtlMax, d->ttl_ms);
    d->stale_ms = d->loader_name != nullptr ? row.milliseconds(kStaleFor, 0) : 0;
    d->refresh_after_ms = UINT32_MAX;
    if (d->ttl_ms > 0 && !row.nulls[kRefreshAt] && d->loader_name != nullptr) {
        const double at = static_cast<double>(d->ttl_ms) * DatumGetFloat8(row.values[kRefreshAt]);
        if (at < UINT32_MAX) d->refresh_after_ms = static_cast<uint32>(at);
    }
    if (!row.nulls[kLoadTimeout]) {
        d->load_timeout_ms = interval_ms(DatumGetIntervalP(row.values[kLoadTimeout]));
    }
    d->priority = DatumGetInt32(row.values[kPriority]);
    d->limits.budget = core::kNoCache;
    d->limits.max_entries =
        row.nulls[kMaxEntries] ? 0 : static_cast<uint64>(DatumGetInt32(row.values[kMaxEntries]));
    d->limits.max_bytes = 0;
    d->limits.stale_for = d->stale_ms;
    if (!row.nulls[kMaxMemory]) {
        d->limits.max_bytes = static_cast<uint64>(
            DatumGetInt64(DirectFunctionCall1(pg_size_bytes, row.values[kMaxMemory])));
    }
    Datum* settings_array;
    deconstruct_array(DatumGetArrayTypeP(row.values[kSettings]), TEXTOID, -1, false, TYPALIGN_INT,
                      &settings_array, nullptr, &d->setting_count);
    d->settings = make_array<PinnedSetting>(static_cast<size_t>(d->setting_count));
    for (int i = 0; i < d->setting_count; ++i) {
        char* pair = TextDatumGetCString(settings_array[i]);
        char* equals = strchr(pair, '=');
        if (equals != nullptr) *equals = '\0';
        d->settings[i] = {pair, equals != nullptr ? equals + 1 : ""};
    }
}

void scan_table(Oid table, void (*consume)(const Row&, void*), void* context) {
    Relation relation = table_open(table, AccessShareLock);
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

int column_count(Oid table) {
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
    if (!HeapTupleIsValid(tuple)) return 0;
    const int count = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relnatts;
    ReleaseSysCache(tuple);
    return count;
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
    read_definition(all->schema, row, d);
    auto* budget = make<BudgetName>();
    budget->definition = all->count - 1;
    budget->budget = row.string(kBudget);
    loading->budgets = lappend(loading->budgets, budget);
}

// Column names as attribute numbers of one relation; false if one is missing.
bool resolve_columns(Oid relation, ArrayType* names, AttrNumber* out, int capacity, int* count) {
    Datum* values;
    bool* nulls;
    deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, count);
    if (*count > capacity) return false;
    for (int i = 0; i < *count; ++i) {
        out[i] = nulls[i] ? 0 : get_attnum(relation, TextDatumGetCString(values[i]));
        if (!nulls[i] && out[i] == InvalidAttrNumber) return false;
    }
    return true;
}

// The columns of the declared relation, by their numbers in one of its partitions or children.
int all_columns_of(Oid declared, Oid relation, AttrNumber* out) {
    int count = 0;
    for (AttrNumber i = 1;; ++i) {
        HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(declared), Int16GetDatum(i));
        if (!HeapTupleIsValid(tuple)) return count;
        auto* attribute = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple));
        const AttrNumber number = attribute->attisdropped
                                      ? InvalidAttrNumber
                                      : get_attnum(relation, NameStr(attribute->attname));
        ReleaseSysCache(tuple);
        if (number != InvalidAttrNumber) out[count++] = number;
    }
}

void add_pending(Loading* loading, Oid relation, const Row& row, Definition* d, Oid declared) {
    auto* p = static_cast<PendingDependency*>(palloc0(sizeof(PendingDependency)));
    p->relation = relation;
    Dependency& dep = p->dependency;
    dep.definition = d;
    dep.declared = declared;
    dep.mask = static_cast<ColumnMask>(DatumGetInt32(row.values[kDepKeyMask]));
    dep.key_query = row.string(kDepKeyQuery);
    dep.inserts = DatumGetBool(row.values[kDepInserts]);
    dep.kind = dep.key_query != nullptr ? DependencyKind::kPath
               : !row.nulls[kDepPath]   ? DependencyKind::kLookup
                                        : DependencyKind::kKey;
    dep.path = DatumGetInt64(row.values[dep.kind == DependencyKind::kLookup ? kDepPath : kDepId]);
    int count = 0;
    bool resolved = !d->broken;
    if (resolved && dep.kind != DependencyKind::kPath) {
        resolved = resolve_columns(relation, DatumGetArrayTypeP(row.values[kDepKey]), dep.key,
                                   kMaxKeyColumns, &count);
        for (int i = 0; resolved && i < count; ++i) {
            // A key column whose type was changed maps to nothing any more.
            resolved = dep.key[i] == 0 ||
                       getBaseType(get_atttype(relation, dep.key[i])) == d->key_types[i] ||
                       (d->key_types[i] == TEXTOID &&
                        getBaseType(get_atttype(relation, dep.key[i])) == VARCHAROID);
        }
    }
    if (resolved && dep.kind == DependencyKind::kPath) {
        dep.row_columns = make_array<AttrNumber>(MaxHeapAttributeNumber);
        ArrayType* names = DatumGetArrayTypeP(row.values[kDepKey]);
        if (ARR_HASNULL(names)) {
            dep.whole_row = true;
            dep.row_column_count = all_columns_of(declared, relation, dep.row_columns);
        } else {
            resolved = resolve_columns(relation, names, dep.row_columns, MaxHeapAttributeNumber,
                                       &dep.row_column_count);
        }
    }
    dep.all_columns = row.nulls[kDepColumns];
    if (resolved && !dep.all_columns) {
        dep.columns = make_array<AttrNumber>(MaxHeapAttributeNumber);
        resolved = resolve_columns(relation, DatumGetArrayTypeP(row.values[kDepColumns]),
                                   dep.columns, MaxHeapAttributeNumber, &dep.column_count);
    }
    if (!resolved) {
        // A column was renamed or dropped: every change concerns the whole cache.
        dep.all_columns = true;
        dep.kind = DependencyKind::kKey;
        dep.mask = 0;
    }
    loading->pending = lappend(loading->pending, p);
}

void consume_dependency(const Row& row, void* context) {
    auto* loading = static_cast<Loading*>(context);
    Definition* d = find_in(loading->definitions, row.string(kDepCache));
    const Oid declared = DatumGetObjectId(row.values[kDepRelation]);
    if (d == nullptr) return;
    if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(declared))) {
        d->relation_lost = true;
        return;
    }

    const auto mask = static_cast<ColumnMask>(DatumGetInt32(row.values[kDepKeyMask]));
    bool known = mask == 0 || d->full_mask(mask);
    for (int i = 0; i < d->mask_count; ++i) known = known || d->masks[i] == mask;
    if (!known && d->mask_count < static_cast<int>(core::kMaxTags))
        d->masks[d->mask_count++] = mask;

    ListCell* cell;
    foreach (cell, find_all_inheritors(declared, NoLock, nullptr)) {
        add_pending(loading, lfirst_oid(cell), row, d, declared);
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
    return column_count(definition_table) == kDefinitionColumns &&
           column_count(dependency_table) == kDependencyColumns;
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
        if (owner != nullptr) d.budget_id = owner->id;
    }
    scan_table(all->dependency_table, consume_dependency, &loading);
    build_relation_index(&loading);
    find_covered_lookups(all);
}

}  // namespace cache_ext::pg
