#include "pg/write/index_lookups.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/contained.hpp"
#include "pg/base/guarded.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/settings.hpp"
#include "pg/write/path_plans.hpp"

extern "C" {
#include "access/genam.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "executor/tuptable.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}

namespace cache_ext::pg {
namespace {

struct OpenStep {
    Relation table;
    Relation index;
    IndexScanDesc scan;
    TupleTableSlot* slot;
    ScanKeyData keys[kMaxIndexKeys];
};

// One of the paths that are looked up together.
struct Asking {
    Path* path;
    const Dependency* dep;
    const IndexPath* index;
};

struct Lookup {
    List* paths;
    Asking* asking;
    int count;
    const PathRows* rows;
    const IndexPath* index;  // its steps are those of all
    OpenStep open[kMaxIndexSteps];
    const PathRow* row;    // the one at hand
    MemoryContext of_key;  // for what it takes to make a key's hash
    bool reached;
    bool possible;
};

// Nobody's code runs here, but the owner's rights count all the same.
bool may_read(const Asking& a) {
    const Definition* d = a.dep->definition;
    if (!OidIsValid(d->accessor)) return false;
    for (int i = 0; i < a.index->step_count; ++i) {
        if (pg_class_aclcheck(a.index->steps[i].relation, d->owner, ACL_SELECT) != ACLCHECK_OK) {
            return false;
        }
    }
    return true;
}

// Again once the tables are locked: nothing changes from then on.
bool know_paths(Lookup* l) {
    for (int i = 0; i < l->count; ++i) {
        Asking& a = l->asking[i];
        a.dep = path_dependency(*a.path);
        a.index = kept_index_path(*a.path);
        if (a.dep == nullptr || a.index == nullptr || !may_read(a)) return false;
    }
    l->index = l->asking[0].index;
    return columns_stand(*l->rows);
}

void lock_tables(const IndexPath& index) {
    for (int i = 0; i < index.step_count; ++i) {
        lock_alone_without_waiting(index.steps[i].relation);
        lock_alone_without_waiting(index.steps[i].index);
    }
}

void open_step(const IndexStep& step, OpenStep* open) {
    open->table = table_open(step.relation, NoLock);
    open->index = index_open(step.index, NoLock);
    open->slot = table_slot_create(open->table, nullptr);
    open->scan = begin_index_scan(open->table, open->index, GetActiveSnapshot(), step.key_count);
    for (int i = 0; i < step.key_count; ++i) {
        const IndexKey& key = step.keys[i];
        ScanKeyEntryInitialize(&open->keys[i], 0, static_cast<AttrNumber>(i + 1),
                               BTEqualStrategyNumber, key.type, key.collation, key.equality,
                               Datum{0});
    }
}

void close_step(const OpenStep& open) {
    index_endscan(open.scan);
    ExecDropSingleTupleTableSlot(open.slot);
    index_close(open.index, NoLock);
    table_close(open.table, NoLock);
}

int row_place(const PathRows& rows, int column) {
    for (int i = 0; i < rows.column_count; ++i) {
        if (rows.columns[i] == column) return i;
    }
    elog(ERROR, "column %d of the changed rows was not kept", column);
    pg_unreachable();
}

Datum value_of(const Lookup& l, const IndexSource& from, bool* null) {
    *null = true;
    if (from.step == IndexSource::kNull) return Datum{0};
    if (from.step != IndexSource::kRow) {
        return slot_getattr(l.open[from.step].slot, from.column, null);
    }
    const int place = row_place(*l.rows, from.column);
    *null = l.row->nulls[place];
    return l.row->values[place];
}

void add_keys(Lookup* l) {
    MemoryContext old = MemoryContextSwitchTo(l->of_key);
    for (int i = 0; i < l->count; ++i) {
        const Asking& a = l->asking[i];
        if ((l->row->paths & a.path->bit) == 0) continue;
        const Definition* d = a.dep->definition;
        uint64* hashes = add_found_key(a.path, d->columns);
        for (int k = 0; hashes != nullptr && k < d->columns; ++k) {
            bool null;
            const Datum value = value_of(*l, a.index->result[k], &null);
            hashes[k] = hash_column(d->key_types[k], value, null);
        }
    }
    MemoryContextSwitchTo(old);
    MemoryContextReset(l->of_key);
}

// As an index may hold what no snapshot of now sees, and is not always checked at once, there may
// be more than one row.
void follow(Lookup* l, int step) {  // NOLINT(misc-no-recursion): kMaxIndexSteps deep
    if (step == l->index->step_count) {
        l->reached = true;
        add_keys(l);
        return;
    }
    const IndexStep& s = l->index->steps[step];
    OpenStep& open = l->open[step];
    for (int i = 0; i < s.key_count; ++i) {
        bool null;
        open.keys[i].sk_argument = value_of(*l, s.keys[i].from, &null);
        if (null) return;  // is equal to nothing
    }
    index_rescan(open.scan, open.keys, s.key_count, nullptr, 0);
    while (index_getnext_slot(open.scan, ForwardScanDirection, open.slot)) follow(l, step + 1);
}

// A row that exists and reaches no key now may reach one once a concurrent transaction has
// committed, unless that has to announce itself.
void note_unreached(const Lookup& l) {
    for (int i = 0; i < l.count; ++i) {
        const Asking& a = l.asking[i];
        if ((l.row->paths & a.path->bit) != 0 && !a.dep->inserts) a.path->whole = true;
    }
}

void widen_all(List* paths) {
    ListCell* cell;
    foreach (cell, paths) static_cast<Path*>(lfirst(cell))->whole = true;
}

bool concerned(const Lookup& l, const PathRow& row) {
    for (int i = 0; i < l.count; ++i) {
        const Path* p = l.asking[i].path;
        if (!p->whole && (row.paths & p->bit) != 0) return true;
    }
    return false;
}

void look_up_rows(Lookup* l) {
    constexpr int kRowsPerLook = 64;  // at the clock
    const TimestampTz start = GetCurrentTimestamp();
    for (int i = 0; i < l->rows->count; ++i) {
        l->row = &l->rows->rows[i];
        if (!concerned(*l, *l->row)) continue;
        if (interrupt_arrived()) elog(ERROR, "the lookups were interrupted");
        if (i % kRowsPerLook == kRowsPerLook - 1 &&
            TimestampDifferenceExceeds(start, GetCurrentTimestamp(), settings.path_timeout_ms)) {
            elog(ERROR, "the lookups take longer than cache_ext.path_timeout");
        }
        l->reached = false;
        follow(l, 0);
        if (!l->reached && l->row->is_new) note_unreached(*l);
    }
}

void find_keys(void* argument) {
    auto* l = static_cast<Lookup*>(argument);
    l->count = list_length(l->paths);
    l->asking = make_array<Asking>(static_cast<size_t>(l->count));
    for (int i = 0; i < l->count; ++i) {
        l->asking[i].path = static_cast<Path*>(list_nth(l->paths, i));
    }
    l->rows = l->asking[0].path->rows;
    const IndexPath* known = kept_index_path(*l->asking[0].path);
    if (known == nullptr) return;
    const IndexPath index = *known;
    lock_tables(index);
    l->possible = know_paths(l) && same_steps(*l->index, index);
    if (!l->possible) return;
    l->of_key = AllocSetContextCreate(CurrentMemoryContext, "cache_ext key", ALLOCSET_SMALL_SIZES);
    for (int i = 0; i < index.step_count; ++i) open_step(index.steps[i], &l->open[i]);
    look_up_rows(l);
    for (int i = 0; i < index.step_count; ++i) close_step(l->open[i]);
}

}  // namespace

bool same_index_lookup(const Path& a, const Path& b) {
    if (a.rows != b.rows) return false;
    const IndexPath* first = kept_index_path(a);
    const IndexPath* second = kept_index_path(b);
    return first != nullptr && second != nullptr && same_steps(*first, *second);
}

bool look_up_by_index(List* paths) {
    if (kept_index_path(*static_cast<Path*>(linitial(paths))) == nullptr) return false;
    Lookup lookup = {};
    lookup.paths = paths;
    if (contained(find_keys, &lookup, "a lookup failed, the whole cache is invalidated")) {
        return lookup.possible;
    }
    widen_all(paths);
    return true;
}

}  // namespace cache_ext::pg
