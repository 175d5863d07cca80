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

// Names, since partitions number their columns in their own way.
void remember_shape(Path* p, const Dependency& dep, Oid relation) {
    if (p->column_names != nullptr) return;
    // Complete or not at all: a savepoint may live on after an error in here.
    auto** names = make_array<char*>(static_cast<size_t>(dep.row_column_count));
    for (int i = 0; i < dep.row_column_count; ++i) {
        names[i] = get_attname(relation, dep.row_columns[i], false);
    }
    p->declared = dep.declared;
    p->column_count = dep.row_column_count;
    p->column_names = names;
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

// Where a row is looked up as soon as it is compared with all the others, it may be there twice.
int first_compared(const Path& p) {
    constexpr int kCompared = 64;
    return p.reads_tables ? 0 : std::max(0, p.count - kCompared);
}

}  // namespace

void collect_path_row(const Dependency& dep, TupleTableSlot* slot, bool is_new) {
    const Oid relation = slot->tts_tableOid;
    Path* p = committing() ? nullptr : path_of(dep);
    if (p == nullptr) {
        collect_whole(dep.definition->id, false);  // too late to look anything up
        return;
    }
    if (p->widened_at != 0) return;
    const uint64 hash = hash_row(dep, slot);
    for (int i = p->count - 1; i >= first_compared(*p); --i) {
        if (p->rows[i].hash != hash || !same_row(p->rows[i], dep, slot)) continue;
        p->rows[i].is_new |= is_new;
        return;
    }
    if (p->count >= most_rows(dep)) {
        p->widened_at = GetCurrentTransactionNestLevel();
        collect_whole(p->cache_id, false);
        return;
    }
    MemoryContext old = MemoryContextSwitchTo(context);
    remember_shape(p, dep, relation);
    if (p->count == p->capacity) {
        const int capacity = std::max(16, p->capacity * 2);
        const size_t size = sizeof(PathRow) * static_cast<size_t>(capacity);
        p->rows =
            static_cast<PathRow*>(p->rows == nullptr ? palloc(size) : repalloc(p->rows, size));
        p->capacity = capacity;
    }
    const auto columns = static_cast<size_t>(dep.row_column_count);
    PathRow row = {};
    row.hash = hash;
    row.level = GetCurrentTransactionNestLevel();
    row.is_new = is_new;
    row.values = make_array<Datum>(columns);
    row.nulls = make_array<bool>(columns);
    for (int i = 0; i < dep.row_column_count; ++i) {
        const Datum value = slot_getattr(slot, dep.row_columns[i], &row.nulls[i]);
        const Form_pg_attribute a =
            TupleDescAttr(slot->tts_tupleDescriptor, dep.row_columns[i] - 1);
        row.values[i] = row.nulls[i] ? 0 : datumCopy(value, a->attbyval, a->attlen);
    }
    p->rows[p->count++] = row;
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
MemoryContext path_memory() {
    return context;
}

void forget_path_rows() {
    if (context != nullptr) MemoryContextDelete(context);
    context = nullptr;
    paths = NIL;
}

void subtransaction_ended_for_path_rows(int level, bool committed) {
    ListCell* cell;
    foreach (cell, paths) {
        auto* p = static_cast<Path*>(lfirst(cell));
        p->moved_at = level_after(p->moved_at, level, committed);
        p->widened_at = level_after(p->widened_at, level, committed);
        p->count = notes_left(p->rows, p->count, level, committed, [](const PathRow&) {});
    }
}

}  // namespace cache_ext::pg
