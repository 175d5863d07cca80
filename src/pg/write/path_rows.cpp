#include "pg/write/path_rows.hpp"

#include "pg/write/changes.hpp"
#include "pg/write/levels.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/settings.hpp"

extern "C" {
#include "access/xact.h"
#include "common/hashfn.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
}

namespace cache_ext::pg {
namespace {

MemoryContext context = nullptr;
List* paths = NIL;
List* sets = NIL;  // of PathRows*

void begin() {
    if (context != nullptr) return;
    context =
        AllocSetContextCreate(TopTransactionContext, "cache_ext paths", ALLOCSET_DEFAULT_SIZES);
}

Path* path_of(const Dependency& dep) {
    ListCell* cell;
    foreach (cell, paths) {
        auto* p = static_cast<Path*>(lfirst(cell));
        if (p->id == dep.path) return p;
    }
    begin();
    MemoryContext old = MemoryContextSwitchTo(context);
    auto* p = make<Path>();
    p->id = dep.path;
    p->cache_id = dep.definition->id;
    p->reads_tables = dep.reads_tables || dep.kind == DependencyKind::kVia;
    paths = lappend(paths, p);
    MemoryContextSwitchTo(old);
    return p;
}

bool same_columns(const PathRows& rows, const Dependency& dep, Oid relation) {
    if (rows.declared != dep.declared || rows.reads_tables != dep.reads_tables ||
        rows.column_count != dep.row_column_count || rows.path_count == kMaxPathsOfRows) {
        return false;
    }
    for (int i = 0; i < dep.row_column_count; ++i) {
        const char* name = get_attname(relation, dep.row_columns[i], false);
        if (strcmp(name, rows.column_names[i]) != 0) return false;
    }
    return true;
}

// By names, since partitions number their columns in their own way.
PathRows* new_rows(const Dependency& dep, TupleTableSlot* slot) {
    const auto columns = static_cast<size_t>(dep.row_column_count);
    auto* rows = make<PathRows>();
    rows->declared = dep.declared;
    rows->reads_tables = dep.reads_tables;
    rows->column_count = dep.row_column_count;
    rows->column_names = make_array<char*>(columns);
    rows->columns = make_array<AttrNumber>(columns);
    rows->column_types = make_array<Oid>(columns);
    for (int i = 0; i < dep.row_column_count; ++i) {
        const AttrNumber column = dep.row_columns[i];
        rows->column_names[i] = get_attname(slot->tts_tableOid, column, false);
        rows->columns[i] = get_attnum(dep.declared, rows->column_names[i]);
        rows->column_types[i] = TupleDescAttr(slot->tts_tupleDescriptor, column - 1)->atttypid;
    }
    return rows;
}

// Complete or not at all: a savepoint may live on after an error in here.
void find_rows(Path* p, const Dependency& dep, TupleTableSlot* slot) {
    if (p->rows != nullptr) return;
    PathRows* rows = nullptr;
    ListCell* cell;
    foreach (cell, sets) {
        auto* candidate = static_cast<PathRows*>(lfirst(cell));
        if (same_columns(*candidate, dep, slot->tts_tableOid)) rows = candidate;
    }
    if (rows == nullptr) {
        rows = new_rows(dep, slot);
        sets = lappend(sets, rows);
    }
    p->bit = uint64{1} << rows->path_count++;
    p->rows = rows;
}

bool same_row(const PathRow& row, const Dependency& dep, TupleTableSlot* slot) {
    for (int i = 0; i < dep.row_column_count; ++i) {
        bool null;
        const Datum value = slot_getattr(slot, dep.row_columns[i], &null);
        if (null != row.nulls[i]) return false;
        if (null) continue;
        const Form_pg_attribute a =
            TupleDescAttr(slot->tts_tupleDescriptor, dep.row_columns[i] - 1);
        if (!datum_image_eq(value, row.values[i], a->attbyval, a->attlen)) return false;
    }
    return true;
}

uint64 hash_row(const Dependency& dep, TupleTableSlot* slot) {
    uint64 h = 0;
    for (int i = 0; i < dep.row_column_count; ++i) {
        bool null;
        const Datum value = slot_getattr(slot, dep.row_columns[i], &null);
        const Form_pg_attribute a =
            TupleDescAttr(slot->tts_tupleDescriptor, dep.row_columns[i] - 1);
        h = hash_combine64(h, null ? 0 : datum_image_hash(value, a->attbyval, a->attlen));
    }
    return h;
}

// A row that gives its keys itself is looked up as fast as its keys are named.
int most_rows(const Dependency& dep) {
    return dep.reads_tables ? settings.max_path_rows : settings.max_transaction_tags;
}

bool is_full(const PathRows& rows, const Dependency& dep) {
    const auto bytes = static_cast<Size>(settings.path_memory_kb) * 1024;
    return rows.count >= most_rows(dep) || MemoryContextMemAllocated(context, false) > bytes;
}

// Where a row of this hash was noted last. What is there may be another one by now: rows that were
// rolled back have gone, and several hashes share a place.
int* place(const PathRows& rows, uint64 hash) {
    return &rows.places[hash & (2 * static_cast<uint64>(rows.capacity) - 1)];
}

void grow(PathRows* rows) {
    const int capacity = std::max(16, rows->capacity * 2);
    const size_t size = sizeof(PathRow) * static_cast<size_t>(capacity);
    int* places = make_array<int>(2 * static_cast<size_t>(capacity));
    rows->rows =
        static_cast<PathRow*>(rows->rows == nullptr ? palloc(size) : repalloc(rows->rows, size));
    if (rows->places != nullptr) pfree(rows->places);
    rows->places = places;
    rows->capacity = capacity;
    for (int i = 0; i < rows->count; ++i) *place(*rows, rows->rows[i].hash) = i;
}

PathRow* known_row(const PathRows& rows, uint64 hash, const Dependency& dep, TupleTableSlot* slot) {
    if (rows.count == 0) return nullptr;
    const int i = *place(rows, hash);
    if (i >= rows.count || rows.rows[i].hash != hash || !same_row(rows.rows[i], dep, slot)) {
        return nullptr;
    }
    return &rows.rows[i];
}

void add_row(PathRows* rows, uint64 hash, const Dependency& dep, TupleTableSlot* slot,
             const PathRow& like) {
    if (rows->count == rows->capacity) grow(rows);
    const auto columns = static_cast<size_t>(dep.row_column_count);
    PathRow row = like;
    row.values = static_cast<Datum*>(palloc((sizeof(Datum) + sizeof(bool)) * columns + 1));
    row.nulls = reinterpret_cast<bool*>(row.values + columns);
    for (int i = 0; i < dep.row_column_count; ++i) {
        const Datum value = slot_getattr(slot, dep.row_columns[i], &row.nulls[i]);
        const Form_pg_attribute a =
            TupleDescAttr(slot->tts_tupleDescriptor, dep.row_columns[i] - 1);
        row.values[i] = row.nulls[i] ? 0 : datumCopy(value, a->attbyval, a->attlen);
    }
    *place(*rows, hash) = rows->count;
    rows->rows[rows->count++] = row;
}

}  // namespace

void collect_path_row(const Dependency& dep, TupleTableSlot* slot, bool is_new) {
    Path* p = committing() ? nullptr : path_of(dep);
    if (p == nullptr) {
        collect_whole(dep.definition->id, false);  // too late to look anything up
        return;
    }
    if (p->widened_at != 0) return;
    MemoryContext old = MemoryContextSwitchTo(context);
    find_rows(p, dep, slot);
    MemoryContextSwitchTo(old);
    const uint64 hash = hash_row(dep, slot);
    PathRow* known = known_row(*p->rows, hash, dep, slot);
    if (known != nullptr) {
        // If that is rolled back to a savepoint the row may be looked up for nothing.
        known->is_new |= is_new;
        known->paths |= p->bit;
        return;
    }
    if (is_full(*p->rows, dep)) {
        p->widened_at = GetCurrentTransactionNestLevel();
        collect_whole(p->cache_id, false);
        return;
    }
    old = MemoryContextSwitchTo(context);
    const PathRow row = {hash, p->bit, GetCurrentTransactionNestLevel(), is_new, nullptr, nullptr};
    add_row(p->rows, hash, dep, slot, row);
    MemoryContextSwitchTo(old);
}

void collect_path_move(const Dependency& dep) {
    if (committing()) {
        // Children that look from now on see neither the announcement nor the move in time.
        collect_whole(dep.definition->id, true);
        return;
    }
    Path* p = path_of(dep);
    if (p->moved_at == 0) p->moved_at = GetCurrentTransactionNestLevel();
}

List* changed_paths() {
    return paths;
}

bool has_path_rows(const Path& p) {
    if (p.rows == nullptr) return false;
    return std::any_of(p.rows->rows, p.rows->rows + p.rows->count,
                       [&](const PathRow& row) { return (row.paths & p.bit) != 0; });
}

bool columns_stand(const PathRows& rows) {
    for (int i = 0; i < rows.column_count; ++i) {
        if (rows.columns[i] == InvalidAttrNumber ||
            get_atttype(rows.declared, rows.columns[i]) != rows.column_types[i]) {
            return false;
        }
    }
    return true;
}

uint64* add_found_key(Path* p, int columns) {
    if (p->found_count >= settings.max_transaction_tags) p->whole = true;
    if (p->whole) return nullptr;
    if (p->found_count == p->found_capacity) {
        const int capacity = std::max(16, p->found_capacity * 2);
        const size_t size = sizeof(uint64) * static_cast<size_t>(columns * capacity);
        p->found = static_cast<uint64*>(p->found == nullptr ? MemoryContextAllocHuge(context, size)
                                                            : repalloc_huge(p->found, size));
        p->found_capacity = capacity;
    }
    return p->found + static_cast<size_t>(columns) * static_cast<size_t>(p->found_count++);
}

void forget_path_rows() {
    if (context != nullptr) MemoryContextDelete(context);
    context = nullptr;
    paths = NIL;
    sets = NIL;
}

void subtransaction_ended_for_path_rows(int level, bool committed) {
    ListCell* cell;
    foreach (cell, paths) {
        auto* p = static_cast<Path*>(lfirst(cell));
        p->moved_at = level_after(p->moved_at, level, committed);
        p->widened_at = level_after(p->widened_at, level, committed);
    }
    foreach (cell, sets) {
        auto* rows = static_cast<PathRows*>(lfirst(cell));
        rows->count = notes_left(rows->rows, rows->count, level, committed, [](const PathRow&) {});
    }
}

}  // namespace cache_ext::pg
