// Freeing entries whose values may be in use.
#include "core/hazards.hpp"

#include "core/store.hpp"

namespace cache_ext::core {

Ref* Store::hazards(std::uint32_t reader) const {
    if (reader >= header_->readers) return nullptr;
    std::uint32_t seen = load_relaxed(header_->readers_seen);
    while (seen <= reader && !claim(header_->readers_seen, seen, reader + 1)) {
        seen = load_relaxed(header_->readers_seen);
    }
    return hazards_[reader].ref;
}

void Store::let_go(Ref* hazard) {
    store_release(*hazard, kNullRef);
}

// Once the entry is out of the index, and after a full fence, nobody begins to hold it.
bool Store::held(Ref ref) const {
    const std::uint32_t readers = load_acquire(header_->readers_seen);
    for (std::uint32_t r = 0; r < readers; ++r) {
        for (const Ref& hazard : hazards_[r].ref) {
            if (load_acquire(hazard) == ref) return true;
        }
    }
    return false;
}

// Frees an unlinked entry, now or when its last reader has let go of it. No lock.
void Store::retire(Ref ref) {
    full_fence();
    const bool wait = held(ref);
    LockGuard guard(locks_, kArenaLock, LockGuard::kExclusive);
    reap();
    if (wait) {
        arena_.at<Entry>(ref)->next = header_->retired;
        header_->retired = ref;
    } else {
        arena_.free(ref);
    }
}

// Frees the retired entries that nobody holds any more. Arena lock.
void Store::reap() {
    Ref* link = &header_->retired;
    while (*link != kNullRef) {
        const Ref ref = *link;
        Entry* e = arena_.at<Entry>(ref);
        if (held(ref)) {
            link = &e->next;
        } else {
            *link = e->next;
            arena_.free(ref);
        }
    }
}

}  // namespace cache_ext::core
