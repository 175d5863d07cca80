#include "pg/write/releases.hpp"

#include "pg/write/changes.hpp"
#include "pg/write/levels.hpp"
#include "pg/catalog/reclaim.hpp"
#include "pg/base/store_handle.hpp"

namespace cache_ext::pg {
namespace {

NotedIds released = {};  // caches

void plan_release(uint64 id) {
    const core::CacheIndex index = store().find(MyDatabaseId, id);
    if (index != core::kNoCache) release_after_commit(index, id);
}

}  // namespace

void release_at_commit(uint64 id) {
    if (committing()) {
        plan_release(id);
    } else {
        released.note(id);
    }
}

void release_database_at_commit() {
    for (core::CacheIndex i = 0; i < store().max_caches(); ++i) {
        const core::CacheControl* c = store().control(i);
        const uint64 id = core::load_acquire(c->id);
        if (id == 0 || core::load_relaxed(c->database) != MyDatabaseId) continue;
        collect_whole(id, true);
        release_at_commit(id);
    }
}

void plan_releases() {
    for (int i = 0; i < released.count(); ++i) plan_release(released.at(i));
}

void forget_releases_at_commit() {
    released.forget();
}

void subtransaction_ended_for_releases(int level, bool committed) {
    released.subtransaction_ended(level, committed);
}

}  // namespace cache_ext::pg
