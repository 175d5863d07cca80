#include "pg/write/query_lookups.hpp"

#include "pg/base/guarded.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/spi.hpp"
#include "pg/load/environment.hpp"
#include "pg/write/path_plans.hpp"
#include "pg/write/query_meaning.hpp"

extern "C" {
#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"
}

namespace cache_ext::pg {
namespace {

// Those that are looked up together.
struct Lookup {
    List* paths;
    const Path* first;
    const Dependency* dep;  // of the first
    uint64 bits;            // of all
    bool unless_indexes;
    bool left;  // for indexes
};

// The row with all columns but those read set to null, as a value of the relation's row type.
Datum composite(const PathRows& rows, const PathRow& row, TupleDesc desc) {
    auto* values = static_cast<Datum*>(palloc0(sizeof(Datum) * desc->natts));
    auto* nulls = make_array<bool>(static_cast<size_t>(desc->natts));
    std::fill_n(nulls, desc->natts, true);
    for (int i = 0; i < rows.column_count; ++i) {
        values[rows.columns[i] - 1] = row.values[i];
        nulls[rows.columns[i] - 1] = row.nulls[i];
    }
    return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

// Everything that the key query reads, as far as is known before the query has been planned, or
// after: a commit does not wait for whoever holds a lock on it.
void lock_known_tables(const Path& p) {
    lock_without_waiting(p.rows->declared);
    for (int i = 0; i < dependency_relation_count(); ++i) {
        const RelationDependencies& r = dependency_relation_at(i);
        for (int k = 0; k < r.count; ++k) {
            const Dependency& dep = r.dependencies[k];
            if (dep.kind == DependencyKind::kVia && dep.path == p.id) {
                lock_without_waiting(r.relation);
            }
        }
    }
}

// Of each row of what the query has returned.
void add_keys(const Path& first, Path* p) {
    const Definition* d = path_dependency(first)->definition;
    for (uint64 r = 0; r < SPI_processed; ++r) {
        uint64* hashes = add_found_key(p, d->columns);
        if (hashes == nullptr) return;
        for (int k = 0; k < d->columns; ++k) {
            bool null;
            const Datum key =
                SPI_getbinval(SPI_tuptable->vals[r], SPI_tuptable->tupdesc, k + 1, &null);
            hashes[k] = hash_column(d->key_types[k], key, null);
        }
    }
}

void look_up_row(const Lookup& lookup, SPIPlanPtr plan, const PathRow& row, TupleDesc desc) {
    Datum value = composite(*lookup.first->rows, row, desc);
    const int result = run_meant(plan, get_rel_type_id(lookup.first->rows->declared), value);
    if (result != SPI_OK_SELECT) elog(ERROR, "%s", SPI_result_code_string(result));
    ListCell* cell;
    foreach (cell, lookup.paths) {
        auto* p = static_cast<Path*>(lfirst(cell));
        if ((row.paths & p->bit) == 0) continue;
        // A row that exists and reaches no key now may reach one once a concurrent transaction has
        // committed, unless that has to announce itself. One that has gone reaches none any more,
        // or its path went with it, and that has a trigger of its own.
        if (SPI_processed == 0 && row.is_new && p->reads_tables && !path_dependency(*p)->inserts) {
            p->whole = true;
        }
        add_keys(*p, p);
    }
    SPI_freetuptable(SPI_tuptable);
}

bool all_whole(List* paths) {
    ListCell* cell;
    foreach (cell, paths) {
        if (!static_cast<Path*>(lfirst(cell))->whole) return false;
    }
    return true;
}

// Prepares what is not, and says whether indexes answer it.
bool known_to_indexes(const Lookup& lookup) {
    ListCell* cell;
    foreach (cell, lookup.paths) {
        const auto* p = static_cast<Path*>(lfirst(cell));
        plan_of_path(*p, *path_dependency(*p));
        if (kept_index_path(*p) == nullptr) return false;
    }
    return true;
}

void look_up_rows(Lookup* l) {
    const Lookup& lookup = *l;
    const PathRows& rows = *lookup.first->rows;
    lock_known_tables(*lookup.first);
    if (!columns_stand(rows)) elog(ERROR, "columns of the changed rows have changed");
    l->left = lookup.unless_indexes && known_to_indexes(lookup);
    if (lookup.left) return;
    SPIPlanPtr plan = plan_of_path(*lookup.first, *lookup.dep);
    TupleDesc desc = lookup_rowtype_tupdesc_copy(get_rel_type_id(rows.declared), -1);
    MemoryContext of_row =
        AllocSetContextCreate(CurrentMemoryContext, "cache_ext row", ALLOCSET_SMALL_SIZES);
    MemoryContextSwitchTo(of_row);
    for (int i = 0; i < rows.count && !all_whole(lookup.paths); ++i) {
        CHECK_FOR_INTERRUPTS();
        MemoryContextReset(of_row);
        if ((rows.rows[i].paths & lookup.bits) != 0) {
            look_up_row(lookup, plan, rows.rows[i], desc);
        }
    }
}

// ERROR for any trouble: the caller widens.
void find_keys(void* argument) {
    auto* lookup = static_cast<Lookup*>(argument);
    connect_spi();
    if (as_owner_of(lookup->dep->definition, [&] { look_up_rows(lookup); }) !=
        core::Bypass::kNone) {
        elog(ERROR, "the key query depends on the session");
    }
    SPI_finish();
}

void widen_all(List* paths) {
    ListCell* cell;
    foreach (cell, paths) static_cast<Path*>(lfirst(cell))->whole = true;
}

bool same_setting(const PinnedSetting& a, const PinnedSetting& b) {
    return strcmp(a.name, b.name) == 0 && strcmp(a.value, b.value) == 0;
}

}  // namespace

bool same_query_lookup(const Path& a, const Path& b) {
    const Dependency* first = path_dependency(a);
    const Dependency* second = path_dependency(b);
    if (a.rows != b.rows || first == nullptr || second == nullptr) return false;
    const Definition& d = *first->definition;
    const Definition& e = *second->definition;
    return strcmp(first->key_query, second->key_query) == 0 && first->meaning == second->meaning &&
           d.owner == e.owner && d.columns == e.columns && d.setting_count == e.setting_count &&
           std::equal(d.settings, d.settings + d.setting_count, e.settings, same_setting);
}

bool look_up_by_query(List* paths, bool unless_indexes) {
    Lookup lookup = {paths, static_cast<Path*>(linitial(paths)), nullptr, 0, unless_indexes, false};
    lookup.dep = path_dependency(*lookup.first);
    ListCell* cell;
    foreach (cell, paths) lookup.bits |= static_cast<Path*>(lfirst(cell))->bit;
    if (lookup.dep == nullptr ||
        !guarded(find_keys, &lookup, "a lookup failed, the whole cache is invalidated",
                 settings.path_timeout_ms)) {
        widen_all(paths);
        return true;
    }
    return !lookup.left;
}

}  // namespace cache_ext::pg
