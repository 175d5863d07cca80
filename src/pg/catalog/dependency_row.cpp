#include "pg/catalog/dependency_row.hpp"

#include "pg/base/memory.hpp"
#include "pg/catalog/aggregates.hpp"
#include "pg/catalog/group_tags.hpp"
#include "pg/catalog/standing.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

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
    kDepDerived,
    kDepDeclaredAs,
    kDepKeyNumbers,
    kDepColumnNumbers,
    kDepByName,
    kDepSince,
    kDepUntil,
    kDepBounds,
    kDepReferencedBy,
    kDepMeaning,
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
    {"derived", BOOLOID},
    {"declared_as", TEXTARRAYOID},
    {"key_numbers", INT2ARRAYOID},
    {"column_numbers", INT2ARRAYOID},
    {"by_name", BOOLOID},
    {"since", INT2OID},
    {"until", INT2OID},
    {"bounds", TEXTOID},
    {"referenced_by", REGCLASSOID},
    {"meaning", INT8OID},
};
static_assert(sizeof(kDependencyTable) / sizeof(kDependencyTable[0]) == kDependencyColumns);

ArrayType* array_at(const Row& row, int i) {
    return DatumGetArrayTypeP(row.values[i]);
}

ColumnMask mask_of(const Row& row) {
    return static_cast<ColumnMask>(DatumGetInt32(row.values[kDepKeyMask]));
}

// False: what the row says are none.
bool read_bounds(const Row& row, Bounds* bounds) {
    *bounds = {};
    const auto column = [&](int i) {
        const int16 number = row.nulls[i] ? int16{0} : DatumGetInt16(row.values[i]);
        return number >= 0 && number <= kMaxKeyColumns ? number : -1;
    };
    const int since = column(kDepSince), until = column(kDepUntil);
    if (since < 0 || until < 0) return false;
    bounds->since = static_cast<uint8>(since);
    bounds->until = static_cast<uint8>(until);
    const char* ends = row.string(kDepBounds);
    if (!bounds->any()) return ends == nullptr;
    const bool by_key = row.nulls[kDepKeyQuery] && row.nulls[kDepPath];
    return by_key && since != until && ends != nullptr && read_ends(ends, bounds);
}

Oid referenced_by(const Row& row) {
    return row.nulls[kDepReferencedBy] ? InvalidOid
                                       : DatumGetObjectId(row.values[kDepReferencedBy]);
}

Bounds bounds_of(const Row& row) {
    Bounds bounds;
    return read_bounds(row, &bounds) ? bounds : Bounds{};
}

// The key as cache_invalidate_on takes it: without the column of the instant, which it gives apart.
Datum key_beside_instant(const Row& row, const char** instant) {
    const Bounds bounds = bounds_of(row);
    *instant = "...";
    if (!bounds.any()) return row.values[kDepKey];
    Datum* names;
    bool* nulls;
    int count;
    deconstruct_array(array_at(row, kDepKey), TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls,
                      &count);
    for (int i = 0; i < count; ++i) {
        if (nulls[i] || !bounds.name(i)) continue;
        *instant = TextDatumGetCString(names[i]);
        nulls[i] = true;
    }
    int first = 1;
    return PointerGetDatum(
        construct_md_array(names, nulls, 1, &count, &first, TEXTOID, -1, false, TYPALIGN_INT));
}

const char* referenced_by_argument(Oid relation) {
    if (!OidIsValid(relation)) return "";
    return psprintf(", referenced_by => %s", quote_literal_cstr(relation_as_sql(relation)));
}

// The statement that declares the dependency again.
char* mending_statement(const Definition* d, const Row& row) {
    const char* cache = quote_literal_cstr(d->name);
    const char* relation = quote_literal_cstr(name_as_sql(array_at(row, kDepDeclaredAs)));
    if (!row.nulls[kDepPath]) return psprintf("cache_invalidate_on_path(%s, ...)", cache);
    // No key is the default; no columns are not.
    const auto array = [](Datum value) {
        return psprintf(", %s", quote_literal_cstr(OidOutputFunctionCall(F_ARRAY_OUT, value)));
    };
    const char* columns = row.nulls[kDepColumns] ? "" : array(row.values[kDepColumns]);
    if (!row.nulls[kDepKeyQuery]) {
        return psprintf("cache_invalidate_on_path(%s, %s, %s%s)", cache, relation,
                        quote_literal_cstr(row.string(kDepKeyQuery)), columns);
    }
    const char* instant;
    const Datum key = key_beside_instant(row, &instant);
    const char* no_key = columns[0] != '\0' ? ", NULL" : "";
    return psprintf("cache_invalidate_on(%s, %s%s%s%s%s)", cache, relation,
                    ARR_NDIM(DatumGetArrayTypeP(key)) == 0 ? no_key : array(key), columns,
                    bounds_arguments(bounds_of(row), instant, d->accessor),
                    referenced_by_argument(referenced_by(row)));
}

// Declared again, the row goes.
void add_id(const Row& row, List** ids) {
    if (!row.nulls[kDepPath]) return;
    auto* id = make<int64>();
    *id = DatumGetInt64(row.values[kDepId]);
    *ids = lappend(*ids, id);
}

const char* aggregate_lapse(Lapse lapse) {
    switch (lapse) {
        case Lapse::kPolicies:
            return "%s has row-level security that applies to the owner of the cache: give him "
                   "BYPASSRLS, or ALTER TABLE ... NO FORCE ROW LEVEL SECURITY";
        case Lapse::kForeign:
            return "%s has a part on a foreign server, whose changes nobody notices: detach it, or "
                   "drop the cache";
        default:
            return "%s was dropped: drop the cache";
    }
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
    if (d->aggregates) {
        d->lapse_text = psprintf(aggregate_lapse(lapse), relation);
        return;
    }
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
    if (count > d->columns) return false;
    // A key column of another type, or with other ideas of what is equal, maps to nothing any more.
    for (int i = 0; i < count; ++i) {
        if (dep->key[i] == 0) continue;
        if (!dep->bounds.name(i)) {
            if (!gives_key(relation, dep->key[i], d->key_types[i])) return false;
            continue;
        }
        dep->instant = dep->key[i];
        dep->instant_type = getBaseType(get_atttype(relation, dep->instant));
        if (!gives_instants(dep->instant_type, d->key_types[i])) return false;
    }
    return true;
}

// As cache_create_aggregate declares it: every change of the table is looked at.
bool is_of_aggregate(const Row& row) {
    return row.nulls[kDepKeyQuery] && row.nulls[kDepPath] && row.nulls[kDepColumns] &&
           ARR_NDIM(array_at(row, kDepKey)) == 0 && mask_of(row) == 0 && row.nulls[kDepSince] &&
           row.nulls[kDepUntil] && row.nulls[kDepBounds] && row.nulls[kDepReferencedBy] &&
           !DatumGetBool(row.values[kDepDerived]) && !DatumGetBool(row.values[kDepInserts]);
}

// Its loader names the table by number. Policies would hide rows of it from the loader, and not
// from who writes. What a row adds is told by one dependency, or it would be added again.
bool note_lapses_of_aggregate(const Row& row, Oid declared, Lapse lapse, Definition* d) {
    if (d->has_dependency || !is_of_aggregate(row)) {
        d->lapse = Lapse::kIncomplete;
        d->lapse_text = pstrdup(
            "it has another dependency than that on its table: drop the cache, and declare it "
            "anew");
    }
    d->has_dependency = true;
    if (lapse == Lapse::kRenamed) lapse = Lapse::kNone;
    if (lapse == Lapse::kNone && has_foreign_part(declared)) lapse = Lapse::kForeign;
    if (lapse == Lapse::kNone && has_policies_for(declared, d->owner)) lapse = Lapse::kPolicies;
    if (lapse != Lapse::kNone) note_lapse(d, row, lapse);
    return lapse != Lapse::kDropped;
}

// The columns whose change matters. False: they are not what they were.
bool resolve_named(const Row& row, Oid declared, Oid relation, Dependency* dep) {
    ArrayType* names = array_at(row, kDepColumns);
    ArrayType* numbers = array_at(row, kDepColumnNumbers);
    dep->any_column = means_any_column(declared, names);
    if (dep->any_column) {
        // A partition's or child's own ones, too: a loader may read it as what it is.
        dep->column_count = all_columns_of(relation, relation, dep->columns);
        return true;
    }
    return resolve_columns(declared, relation, names, numbers, dep->columns, MaxHeapAttributeNumber,
                           &dep->column_count);
}

// Are the key columns that the row says it maps those that it maps?
bool mask_fits(const Row& row, const Definition* d) {
    if (d->broken != nullptr || mask_of(row) >> d->columns != 0) return false;
    if (!row.nulls[kDepKeyQuery]) return true;
    Datum* names;
    bool* nulls;
    int count;
    deconstruct_array(DatumGetArrayTypeP(row.values[kDepKey]), TEXTOID, -1, false, TYPALIGN_INT,
                      &names, &nulls, &count);
    if (!row.nulls[kDepPath]) return count <= d->columns;
    // Where a bound is, the column of the instant is named; the same one at both.
    Bounds bounds;
    if (!read_bounds(row, &bounds)) return false;
    if (bounds.any() && (bounds.since > count || bounds.until > count)) return false;
    ColumnMask mapped = 0;
    const char* instant = nullptr;
    for (int i = 0; i < count && i < kMaxKeyColumns; ++i) {
        if (!bounds.name(i)) {
            if (!nulls[i]) mapped |= ColumnMask{1} << i;
            continue;
        }
        const char* name = nulls[i] ? "" : TextDatumGetCString(names[i]);
        if (nulls[i] || (instant != nullptr && strcmp(instant, name) != 0)) return false;
        instant = name;
    }
    if (count != 0 && count != d->columns) return false;
    // What a table on a path gives of the key need not be all that the path gives.
    return !row.nulls[kDepPath] || mapped == mask_of(row);
}

// A set of key columns is a tag of every entry, if there is room for one more.
bool add_mask(ColumnMask mask, const Bounds& bounds, Definition* d) {
    const int there = find_mask(d, mask, bounds);
    if (there >= 0) d->group_only &= ~(1U << there);
    if (has_group(d, mask, bounds)) return true;
    if (d->mask_count == kMaxMasks) return false;
    d->bounds[d->mask_count] = bounds;
    d->masks[d->mask_count++] = mask;
    return true;
}

}  // namespace

const int kDependencyCache = kDepCache;
const int kDependencyRelation = kDepRelation;
const int kDependencyQuery = kDepKeyQuery;
const int kDependencyMeaning = kDepMeaning;

bool is_dependency_table(Oid table) {
    return has_columns(table, kDependencyTable, kDependencyColumns);
}

const char* dependency_fault(const Row& row, const Definition* d) {
    const int32 mask = DatumGetInt32(row.values[kDepKeyMask]);
    ArrayType* key = DatumGetArrayTypeP(row.values[kDepKey]);
    ArrayType* columns =
        row.nulls[kDepColumns] ? nullptr : DatumGetArrayTypeP(row.values[kDepColumns]);
    const Oid relation = DatumGetObjectId(row.values[kDepRelation]);
    if (name_problem(row.string(kDepCache)) != nullptr) return "no cache can have that name";
    if (!row.nulls[kDepKeyQuery] && !row.nulls[kDepPath]) return "it is a path and a part of one";
    if (OidIsValid(referenced_by(row)) && !(row.nulls[kDepKeyQuery] && row.nulls[kDepPath])) {
        return "it is a path, and says by what rows are referenced";
    }
    if (mask < 0 || mask >> kMaxKeyColumns != 0) return "its key_mask is out of range";
    if (ARR_NDIM(key) > 1 || (columns != nullptr && ARR_NDIM(columns) > 1)) {
        return "an array has more than one dimension";
    }
    if (columns != nullptr && array_contains_nulls(columns)) return "its columns contain nulls";
    if (d != nullptr && d->aggregates) {
        const Aggregate* a = aggregate_of(d);
        if (!is_of_aggregate(row) || (a != nullptr && a->relation != relation)) {
            return "an aggregate cache depends on its table as a whole, and on nothing else";
        }
        if (d->has_dependency) return "its aggregate cache has one already";
    }
    Bounds bounds;
    if (!read_bounds(row, &bounds)) return "its bounds are none";
    if (d != nullptr && d->broken == nullptr && !mask_fits(row, d)) {
        return "its key_mask is not that of its key";
    }
    for (ArrayType* names : {key, columns}) {
        const bool any = names == columns && names != nullptr && means_any_column(relation, names);
        if (names != nullptr && !any && !columns_exist(relation, names)) {
            return "its relation has no such columns";
        }
    }
    return nullptr;
}

bool note_lapses(const Row& row, Definition* d) {
    const Oid declared = DatumGetObjectId(row.values[kDepRelation]);
    const Lapse lapse = lapse_of(declared, array_at(row, kDepDeclaredAs));
    if (d->aggregates) return note_lapses_of_aggregate(row, declared, lapse, d);
    // What is derived is nobody's word on a name: the table that the loader reads instead is
    // tracked, and whether what is left of it is proven is asked before each fill.
    const bool word = !DatumGetBool(row.values[kDepDerived]);
    if (lapse != Lapse::kNone && word) note_lapse(d, row, lapse);
    if (lapse == Lapse::kDropped) return false;
    const Oid by_name =
        DatumGetBool(row.values[kDepByName]) ? meant_by_name(d, declared) : declared;
    if (OidIsValid(by_name) && by_name != declared && word) note_lapse(d, row, Lapse::kHidden);
    if (has_foreign_part(declared)) note_lapse(d, row, Lapse::kForeign);
    return true;
}

bool add_tag_of(const Row& row, Definition* d) {
    return mask_fits(row, d) && add_mask(mask_of(row), bounds_of(row), d);
}

void read_dependency(const Row& row, Oid relation, bool usable, Definition* d, Dependency* out) {
    Dependency& dep = *out;
    const Oid declared = DatumGetObjectId(row.values[kDepRelation]);
    dep.definition = d;
    dep.declared = declared;
    dep.mask = mask_of(row);
    dep.bounds = bounds_of(row);
    dep.key_query = row.string(kDepKeyQuery);
    dep.meaning = row.nulls[kDepMeaning] ? 0 : DatumGetInt64(row.values[kDepMeaning]);
    dep.inserts = DatumGetBool(row.values[kDepInserts]);
    dep.referenced_by = referenced_by(row);
    dep.derived = DatumGetBool(row.values[kDepDerived]);
    if (dep.derived) {
        d->derivation =
            std::max(d->derivation, static_cast<uint64>(DatumGetInt64(row.values[kDepId])));
    }
    dep.kind = dep.key_query != nullptr ? DependencyKind::kPath
               : !row.nulls[kDepPath]   ? DependencyKind::kVia
                                        : DependencyKind::kKey;
    dep.path = DatumGetInt64(row.values[dep.kind == DependencyKind::kVia ? kDepPath : kDepId]);
    dep.all_columns = row.nulls[kDepColumns];
    if (!dep.all_columns) {
        dep.columns = make_array<AttrNumber>(MaxHeapAttributeNumber);
        // A column that was renamed or dropped: every change matters.
        dep.all_columns = row.nulls[kDepColumnNumbers] ||
                          array_contains_nulls(array_at(row, kDepColumns)) ||
                          !resolve_named(row, declared, relation, &dep);
        if (dep.all_columns) note_widened(d, row);
    }
    if (!usable || !resolve_mapping(row, declared, relation, &dep)) {
        d->path_lost |= dep.kind != DependencyKind::kKey && !dep.derived;
        // Every change concerns the whole cache.
        dep.all_columns = true;
        dep.kind = DependencyKind::kKey;
        dep.mask = 0;
        dep.bounds = {};
        dep.referenced_by = InvalidOid;
        memset(dep.key, 0, sizeof(dep.key));
        note_widened(d, row);
    }
}

}  // namespace cache_ext::pg
