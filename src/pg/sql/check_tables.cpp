// cache_check, the tables: as they are declared, and as the loader's text reads them.
#include "pg/sql/check.hpp"

#include "pg/base/memory.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/standing.hpp"
#include "pg/declare/derive.hpp"
#include "pg/write/relation_changes.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

const LoaderInput* input_of(const LoaderAnalysis* proven, Oid relation) {
    ListCell* cell;
    foreach (cell, proven != nullptr ? proven->inputs : NIL) {
        const auto* input = static_cast<const LoaderInput*>(lfirst(cell));
        if (input->relation == relation) return input;
    }
    return nullptr;
}

List* names_of(Oid relation, const Bitmapset* columns) {
    List* names = NIL;
    for (int i = -1; (i = bms_next_member(columns, i)) >= 0;) {
        char* name = get_attname(relation, static_cast<AttrNumber>(i), true);
        if (name != nullptr) names = lappend(names, name);
    }
    return names;
}

Bitmapset* numbers(const AttrNumber* columns, int count) {
    Bitmapset* all = nullptr;
    for (int i = 0; i < count; ++i) {
        if (columns[i] > 0) all = bms_add_member(all, columns[i]);
    }
    return all;
}

// Those by which a row tells its keys: an UPDATE of them concerns the row as it was as well.
Bitmapset* key_columns(const Dependency& dep) {
    switch (dep.kind) {
        case DependencyKind::kKey:
            return numbers(dep.key, dep.definition->columns);
        case DependencyKind::kPath:
            return dep.whole_row ? nullptr : numbers(dep.row_columns, dep.row_column_count);
        case DependencyKind::kVia:
            break;
    }
    return nullptr;
}

// nullptr if all do.
Bitmapset* columns_that_matter(const Dependency& dep) {
    if (dep.all_columns || dep.whole_row) return nullptr;
    return bms_join(numbers(dep.columns, dep.column_count), key_columns(dep));
}

// What the loader's text reads; nullptr: it does not say.
Bitmapset* columns_read(const LoaderInput* input) {
    if (input == nullptr) return nullptr;
    if (input->all_columns) {
        auto* columns = make_array<AttrNumber>(MaxHeapAttributeNumber);
        return numbers(columns, all_columns_of(input->relation, input->relation, columns));
    }
    Bitmapset* columns = nullptr;
    ListCell* cell;
    foreach (cell, input->columns) {
        const AttrNumber column = get_attnum(input->relation, static_cast<char*>(lfirst(cell)));
        if (column > 0) columns = bms_add_member(columns, column);
    }
    return columns;
}

// What one changed row does.
const char* covered_by(const Dependency& dep) {
    if (dep.kind != DependencyKind::kKey) return "path";
    if (dep.definition->aggregates) return "key";  // what a row tells is its writer's delta
    return dep.mask == 0 && !dep.bounds.any() ? "table" : "key";
}

const char* invalidated_by(const Dependency& dep) {
    switch (dep.kind) {
        case DependencyKind::kPath:
            return "the keys that its query finds";
        case DependencyKind::kVia:
            return "what moves keys of rows that lead through it";
        case DependencyKind::kKey:
            break;
    }
    if (dep.definition->aggregates) return "nothing: the value of the row's key is adjusted";
    if (dep.bounds.any()) {
        return dep.mask == 0
                   ? "the keys between which its instant lies"
                   : "the keys that share columns with it and between which its instant lies";
    }
    if (dep.mask == 0) return "the whole cache";
    if (dep.mask != dep.definition->all_columns()) {
        return "the keys that share some of their columns with it";
    }
    if (dep.new_rows_wait) return "one key; a new row, nothing until it is referenced";
    return dep.definition->varies() ? "one key, for all sessions" : "one key";
}

// What its author has declared may be wider than what the text proves.
const char* narrower(const Dependency& dep, const LoaderAnalysis* proven) {
    const LoaderInput* input = input_of(proven, dep.declared);
    if (dep.definition->aggregates || dep.kind == DependencyKind::kVia || input == nullptr ||
        input->unproven != nullptr) {
        return nullptr;
    }
    const bool wide = dep.kind == DependencyKind::kKey && dep.mask == 0 && !dep.bounds.any();
    return wide || (dep.all_columns && !input->all_columns)
               ? proven_statements(dep.definition, proven, dep.declared)
               : nullptr;
}

const char* declared_anew(const Definition* d) {
    return psprintf("SELECT * FROM cache_declare(%s)", quote_literal_cstr(d->name));
}

// The dependency with these columns as well.
const char* with_columns(const Dependency& dep, Bitmapset* more) {
    LoaderInput input = {};
    input.relation = dep.declared;
    input.columns = names_of(dep.declared, bms_union(numbers(dep.columns, dep.column_count), more));
    RowMapping mapping = {};
    mapping.key_query = dep.key_query;
    mapping.bounds = dep.bounds;
    for (int i = 0; i < dep.definition->columns; ++i) {
        if (dep.key[i] > 0) mapping.key[i] = get_attname(dep.declared, dep.key[i], true);
    }
    return statement_of(dep.definition->name, &input, &mapping);
}

struct Declared {
    bool disproven;  // what is derived of it
    Oid relation;
    List* dependencies;  // of const Dependency*
};

List* add_column_rows(List* rows, const Declared& table, const Bitmapset* columns,
                      const CheckedInput& like) {
    ListCell* cell;
    foreach (cell, names_of(table.relation, columns)) {
        CheckedInput row = like;
        row.name = psprintf("%s.%s", relation_as_sql(table.relation),
                            quote_identifier(static_cast<char*>(lfirst(cell))));
        row.kind = "column";
        rows = add_input(rows, row);
    }
    return rows;
}

List* add_key_columns(List* rows, const Declared& table) {
    Bitmapset* seen = nullptr;
    ListCell* cell;
    foreach (cell, table.dependencies) {
        const auto* dep = static_cast<const Dependency*>(lfirst(cell));
        const bool one = dep->mask == dep->definition->all_columns();
        Bitmapset* fresh = bms_difference(key_columns(*dep), seen);
        seen = bms_add_members(seen, fresh);
        rows = add_column_rows(rows, table, fresh,
                               {nullptr, nullptr, NIL, covered_by(*dep),
                                dep->kind == DependencyKind::kKey && one
                                    ? "the key that the row had, and the one that it gets"
                                    : "the keys that the row had, and those that it gets",
                                nullptr, false});
    }
    return rows;
}

// A column that was forgotten: it is read, and an UPDATE of it alone is not noticed.
List* add_forgotten_columns(List* rows, const Declared& table, const LoaderInput* input) {
    const Dependency* first = nullptr;
    Bitmapset* noticed = nullptr;
    ListCell* cell;
    foreach (cell, table.dependencies) {
        const auto* dep = static_cast<const Dependency*>(lfirst(cell));
        if (dep->all_columns || dep->whole_row) return rows;
        noticed = bms_add_members(noticed, columns_that_matter(*dep));
        if (first == nullptr && dep->kind != DependencyKind::kVia) first = dep;
    }
    Bitmapset* forgotten = bms_difference(columns_read(input), noticed);
    if (first == nullptr || bms_is_empty(forgotten)) return rows;
    return add_column_rows(rows, table, forgotten,
                           {nullptr, nullptr, NIL, "ttl",
                            "nothing: it is read, and is none of the columns that are declared",
                            with_columns(*first, forgotten), false});
}

List* add_declared(List* rows, const Declared& table, const LoaderAnalysis* proven) {
    bool as_a_whole = false;
    ListCell* cell;
    foreach (cell, table.dependencies) {
        const auto* dep = static_cast<const Dependency*>(lfirst(cell));
        CheckedInput row = {relation_as_sql(table.relation),
                            "table",
                            names_of(table.relation, columns_that_matter(*dep)),
                            covered_by(*dep),
                            invalidated_by(*dep),
                            narrower(*dep, proven),
                            false};
        if (dep->derived && table.disproven) {
            if (is_tracked_for(table.relation, dep->definition->session->index)) {
                as_a_whole = true;
                row.covered = "table";
                row.invalidates = "the whole cache: tracked since its loader changed";
            }
            row.more_precise = declared_anew(dep->definition);
        }
        rows = add_input(rows, row);
    }
    if (as_a_whole) return rows;
    rows = add_key_columns(rows, table);
    return add_forgotten_columns(rows, table, input_of(proven, table.relation));
}

}  // namespace

List* declared_inputs(const Definition* d, const LoaderAnalysis* proven, bool disproven) {
    List* rows = NIL;
    for (int i = 0; i < dependency_relation_count(); ++i) {
        const RelationDependencies& r = dependency_relation_at(i);
        Declared table = {disproven, r.relation, NIL};
        for (int k = 0; k < r.count; ++k) {
            // Each row of cache_dependency once, though it holds for partitions and children, too.
            const Dependency& dep = r.dependencies[k];
            if (dep.definition->id != d->id || dep.declared != r.relation) continue;
            table.dependencies = lappend(table.dependencies, const_cast<Dependency*>(&dep));
        }
        rows = add_declared(rows, table, proven);
    }
    return rows;
}

List* tracked_inputs(const Definition* d, const LoaderAnalysis* proven, bool disproven) {
    const core::CacheIndex index = d->session->index;
    auto* all = make_array<core::RelationKey>(store().max_tracked());
    const uint32 count = store().tracked_relations(MyDatabaseId, all);
    List* rows = NIL;
    for (uint32 i = 0; i < count; ++i) {
        const auto relation = static_cast<Oid>(all[i]);
        // A partition is covered with what it is a part of. What was dropped keeps its place for a
        // while.
        if (get_rel_name(relation) == nullptr || get_rel_relispartition(relation)) continue;
        if (!is_tracked_for(relation, index) || is_declared_for(d->id, relation)) continue;
        const LoaderInput* input = input_of(proven, relation);
        const bool some = input != nullptr && !input->all_columns;
        rows = add_input(
            rows, {relation_as_sql(relation), "table",
                   some ? names_of(relation, columns_read(input)) : NIL,
                   store().is_tracked(all[i], index) ? "table" : "none", "the whole cache",
                   disproven ? declared_anew(d) : proven_statements(d, proven, relation), false});
    }
    pfree(all);
    return rows;
}

}  // namespace cache_ext::pg
