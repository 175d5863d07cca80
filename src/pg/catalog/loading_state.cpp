#include "pg/catalog/loading_state.hpp"

#include "pg/catalog/control_blocks.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"

extern "C" {
#include "storage/shmem.h"
}

namespace cache_ext::pg {
namespace {

LoadingState* states = nullptr;
LWLock* states_lock = nullptr;

template <class Change>
void change_state(core::CacheIndex index, uint64 id, Change change) {
    LoadingState& s = states[index];
    const core::Millis now = now_ms();
    LWLockAcquire(states_lock, LW_EXCLUSIVE);
    if (s.cache_id != id) {
        s = LoadingState{};
        s.cache_id = id;
    }
    change(s, now);
    LWLockRelease(states_lock);
}

// Runs `change` on the state of a cache, if it has a control block.
template <class Change>
void with_state(const Definition* d, Change change) {
    if (states == nullptr || control_block(d) == core::kNoCache) return;
    change_state(d->session->index, d->id, change);
}

}  // namespace

size_t loading_state_bytes() {
    return sizeof(LoadingState) * static_cast<size_t>(settings.max_caches);
}

void attach_loading_state(LWLock* lock) {
    bool found;
    states_lock = lock;
    states = static_cast<LoadingState*>(
        ShmemInitStruct("cache_ext loading", loading_state_bytes(), &found));
    if (!found) memset(static_cast<void*>(states), 0, loading_state_bytes());
}

void note_sync(const Definition* d, const SyncCounts& counts) {
    with_state(d, [&](LoadingState& s, core::Millis now) {
        ++s.syncs;
        s.synced.added += counts.added;
        s.synced.replaced += counts.replaced;
        s.synced.removed += counts.removed;
        s.synced.unchanged += counts.unchanged;
        s.last_sync = now;
    });
}

void note_sync_error(const Definition* d) {
    with_state(d, [](LoadingState& s, core::Millis) { ++s.sync_errors; });
}

void note_warm(const Definition* d, uint64 values) {
    with_state(d, [&](LoadingState& s, core::Millis now) {
        ++s.warms;
        s.warmed += values;
        s.last_warm = now;
    });
}

void note_warm_error(const Definition* d, uint64 values) {
    with_state(d, [&](LoadingState& s, core::Millis) {
        ++s.warm_errors;
        s.warmed += values;
    });
}

void note_warm_part(const Definition* d, uint64 values) {
    with_state(d, [&](LoadingState& s, core::Millis) { s.warmed += values; });
}

void set_next_sync(const Definition* d, core::Millis due) {
    with_state(d, [&](LoadingState& s, core::Millis) { s.next_sync = due; });
}

void set_next_warm(const Definition* d, core::Millis due) {
    with_state(d, [&](LoadingState& s, core::Millis) { s.next_warm = due; });
}

bool note_invalidated(uint64 cache_id) {
    if (states == nullptr) return false;
    const core::CacheIndex index = store().find(MyDatabaseId, cache_id);
    if (index == core::kNoCache) return false;
    bool first = false;
    change_state(index, cache_id, [&](LoadingState& s, core::Millis now) {
        first = s.invalidated_at == 0;
        if (first) s.invalidated_at = now;
    });
    return first;
}

void reload_begins(const Definition* d) {
    with_state(d, [](LoadingState& s, core::Millis) { s.invalidated_at = s.reload_from = 0; });
}

void set_reload_from(const Definition* d, core::Millis due) {
    with_state(d, [&](LoadingState& s, core::Millis) { s.reload_from = due; });
}

bool loading_state(const Definition* d, LoadingState* out) {
    if (states == nullptr || d->session->index == core::kNoCache) return false;
    LWLockAcquire(states_lock, LW_SHARED);
    *out = states[d->session->index];
    LWLockRelease(states_lock);
    return out->cache_id == d->id;
}

void reset_loading_counts(const Definition* d) {
    with_state(d, [](LoadingState& s, core::Millis) {
        LoadingState fresh = {};
        fresh.cache_id = s.cache_id;
        fresh.last_sync = s.last_sync;
        fresh.last_warm = s.last_warm;
        fresh.next_sync = s.next_sync;
        fresh.next_warm = s.next_warm;
        fresh.invalidated_at = s.invalidated_at;
        fresh.reload_from = s.reload_from;
        s = fresh;
    });
}

}  // namespace cache_ext::pg
