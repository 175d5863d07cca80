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

// Is the entry held? Once it is out of the index, and after a full fence, nobody begins to hold it.
bool Store::held(Ref ref) const {
    HeldSet set;
    collect_held(&set);
    return set.may_contain(ref);
}

void Store::collect_held(HeldSet* set) const {
    const std::uint32_t readers = load_acquire(header_->readers_seen);
    for (std::uint32_t r = 0; r < readers; ++r) {
        for (const Ref& hazard : hazards_[r].ref) {
            const Ref ref = load_acquire(hazard);
            if (ref != kNullRef) set->add(ref);
        }
    }
}

// Frees unlinked entries (a chain by `next`), now or when their last readers have let go of them.
// One look at the hazards does for all. No arena lock.
void Store::retire(Ref chain) {
    constexpr int kAtOnce = 64;  // under one lock
    full_fence();
    HeldSet set;
    collect_held(&set);
    while (chain != kNullRef) {
        LockGuard guard(locks_, kArenaLock, LockGuard::kExclusive);
        for (int i = 0; i < kAtOnce && chain != kNullRef; ++i) {
            const Ref ref = chain;
            Entry* e = arena_.at<Entry>(ref);
            chain = e->next;
            if (set.may_contain(ref)) {
                e->next = header_->retired;
                header_->retired = ref;
                add_relaxed(header_->retired_bytes, arena_.gross_bytes(ref));
            } else {
                header_->freed_since_reap += arena_.gross_bytes(ref);
                arena_.free(ref);
            }
        }
        // So the walk costs what is freed a few steps per byte at most, however much waits.
        if (header_->freed_since_reap >= header_->retired_bytes / 4) reap();
    }
}

// Frees the retired entries that nobody holds any more; false if there were none. Arena lock: the
// fences of those who have retired them came before.
bool Store::reap() {
    header_->freed_since_reap = 0;
    if (header_->retired == kNullRef) return false;
    HeldSet set;
    collect_held(&set);
    bool freed = false;
    Ref* link = &header_->retired;
    while (*link != kNullRef) {
        const Ref ref = *link;
        Entry* e = arena_.at<Entry>(ref);
        if (set.may_contain(ref)) {
            link = &e->next;
            continue;
        }
        *link = e->next;
        add_relaxed(header_->retired_bytes, std::uint64_t{0} - arena_.gross_bytes(ref));
        arena_.free(ref);
        freed = true;
    }
    return freed;
}

bool Store::reap_now() {
    if (load_relaxed(header_->retired_bytes) == 0) return false;
    LockGuard guard(locks_, kArenaLock, LockGuard::kExclusive);
    return reap();
}

}  // namespace cache_ext::core
