// The key queries of path dependencies, run at PRE_COMMIT, exact against concurrent changes of the
// path.
//
// A child writer (its row reaches its key through other tables) looks its key up under a snapshot
// that is newer than its announcement. A mover (it changes the mapping in those tables) announces
// itself, too. Both announce before they look at the other's announcements, so of two that overlap
// at least one sees the other:
//
//   * a child that finds a mover which its snapshot cannot see registers on the whole cache;
//   * a mover that finds a child which may still be running registers that child on the whole
//   cache.
//     Nobody has seen the move yet, so this comes in time: whoever sees the mover committed took
//     its snapshot after this registration.
//
// Announcements are tags of their own that no entry carries; when their ring cannot tell
// (overflow), both sides assume the worst.
#include "pg/write/paths.hpp"

#include "pg/write/changes.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/path_announcements.hpp"
#include "pg/write/index_lookups.hpp"
#include "pg/write/path_plans.hpp"
#include "pg/write/path_rows.hpp"
#include "pg/write/query_lookups.hpp"
#include "pg/write/registration.hpp"
#include "pg/base/store_handle.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

void announce(core::Tag tag, const core::Snapshot& now) {
    register_with({tag, core::TagKind::kPart, false, core::kNoCache}, own_xid(), now);
}

// As a mover: children that may have looked before they could see the move.
void catch_children(const Path& p, const core::Snapshot& snapshot) {
    const core::CacheIndex index = attach_control_block(p.cache_id);
    if (index == core::kNoCache) return;
    core::WriterSet children;
    if (!store().all_seen(children_tag(p.id), own_xid(), snapshot, &children)) {
        store().distrust(index, U64FromFullTransactionId(ReadNextFullTransactionId()));
        return;
    }
    const core::Tag whole = whole_tag({MyDatabaseId, p.cache_id});
    for (uint32 i = 0; i < children.count; ++i) {
        register_now({whole, core::TagKind::kWhole, false, index, true}, children.xid[i]);
    }
}

bool moved_meanwhile(const Path& p, const core::Snapshot& snapshot) {
    core::WriterSet movers;
    return !store().all_seen(movers_tag(p.id), own_xid(), snapshot, &movers) || movers.count > 0;
}

// What was found becomes tags, out of the subtransaction that found it.
void collect_found(const Path& p) {
    const Dependency* dep = path_dependency(p);
    if (p.whole || dep == nullptr) {
        collect_whole(p.cache_id, false);
        return;
    }
    for (int i = 0; i < p.found_count; ++i) {
        collect_change(dep->definition, dep->mask,
                       p.found + static_cast<size_t>(dep->definition->columns) * i);
    }
}

// What a key query reads would be read by this transaction, for the conflicts that let SERIALIZABLE
// ones fail.
bool may_be_looked_up(const Path& p) {
    return !p.reads_tables || !IsolationIsSerializable();
}

List* paths_to_look_up() {
    List* found = NIL;
    ListCell* cell;
    foreach (cell, changed_paths()) {
        auto* p = static_cast<Path*>(lfirst(cell));
        if (p->widened_at != 0 || !has_path_rows(*p)) continue;
        if (may_be_looked_up(*p)) {
            found = lappend(found, p);
        } else {
            collect_whole(p->cache_id, false);
        }
    }
    return found;
}

// Takes the first of the list, and all others for which `same(first, other)`.
template <class Same>
List* take_alike(List** paths, Same same) {
    auto* first = static_cast<Path*>(linitial(*paths));
    List* alike = NIL;
    ListCell* cell;
    foreach (cell, *paths) {
        auto* p = static_cast<Path*>(lfirst(cell));
        if (p != first && !same(*first, *p)) continue;
        alike = lappend(alike, p);
        *paths = foreach_delete_current(*paths, cell);
    }
    return alike;
}

// One lookup for all caches that ask for the same.
void look_up(List* paths) {
    List* by_query = NIL;
    while (paths != NIL) {
        List* alike = take_alike(&paths, same_index_lookup);
        if (!look_up_by_index(alike)) by_query = list_concat(by_query, alike);
    }
    while (by_query != NIL) {
        List* alike = take_alike(&by_query, same_query_lookup);
        if (look_up_by_query(alike, true) || look_up_by_index(alike)) continue;
        look_up_by_query(alike, false);
    }
}

// Everybody announces before he looks, so it does not matter in which order paths do both.
void resolve_rows(List* paths) {
    ListCell* cell;
    const core::Snapshot before = copy_to_core(GetLatestSnapshot());
    foreach (cell, paths) {
        const auto* p = static_cast<Path*>(lfirst(cell));
        // Nobody moves the keys of rows that give them themselves.
        if (p->reads_tables) announce(children_tag(p->id), before);
    }
    CommandCounterIncrement();  // what the last statement did, too
    PushActiveSnapshot(GetLatestSnapshot());
    const core::Snapshot snapshot = copy_to_core(GetActiveSnapshot());
    look_up(list_copy(paths));
    PopActiveSnapshot();
    foreach (cell, paths) {
        auto* p = static_cast<Path*>(lfirst(cell));
        if (p->reads_tables && moved_meanwhile(*p, snapshot)) p->whole = true;
        collect_found(*p);
    }
}

}  // namespace

void resolve_paths() {
    if (changed_paths() == NIL) return;
    ListCell* cell;
    // Making a control block announces who was prepared before the server started.
    foreach (cell, changed_paths())
        attach_control_block(static_cast<Path*>(lfirst(cell))->cache_id);
    foreach (cell, changed_paths()) {
        const auto* p = static_cast<Path*>(lfirst(cell));
        if (p->moved_at == 0) continue;
        announce(movers_tag(p->id), to_core(GetLatestSnapshot()));
        catch_children(*p, copy_to_core(GetLatestSnapshot()));
    }
    List* paths = paths_to_look_up();
    if (paths != NIL) resolve_rows(paths);
}

}  // namespace cache_ext::pg
