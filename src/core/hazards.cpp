// Freeing entries whose values may be in use.
#include "core/hazards.hpp"

#include "core/store.hpp"

namespace cache_ext::core {
namespace {

// Which of many entries are held, after one look at all hazards. May also say so of another one,
// which then waits longer.
class HeldSet {
  public:
    void add(Ref ref) { word(ref) |= bit(ref); }
    bool may_contain(Ref ref) { return (word(ref) & bit(ref)) != 0; }

  private:
    static constexpr std::uint32_t kBits = 4096;

    std::uint64_t& word(Ref ref) { return words_[ref % kBits / 64]; }
    static std::uint64_t bit(Ref ref) { return std::uint64_t{1} << ref % 64; }

    std::uint64_t words_[kBits / 64] = {};
};

}  // namespace

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

// Calls visit for what the hazards name until it returns false; returns whether none did.
template <class Visit>
bool Store::all_held(Visit visit) const {
    const std::uint32_t readers = load_acquire(header_->readers_seen);
    for (std::uint32_t r = 0; r < readers; ++r) {
        for (const Ref& hazard : hazards_[r].ref) {
            const Ref ref = load_acquire(hazard);
            if (ref != kNullRef && !visit(ref)) return false;
        }
    }
    return true;
}

// Once the entry is out of the index, and after a full fence, nobody begins to hold it.
bool Store::held(Ref ref) const {
    return !all_held([=](Ref other) { return other != ref; });
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

// Frees the retired entries that nobody holds any more. Arena lock: the fences of those who have
// retired them came before.
void Store::reap() {
    if (header_->retired == kNullRef) return;
    HeldSet set;
    all_held([&](Ref ref) {
        set.add(ref);
        return true;
    });
    Ref* link = &header_->retired;
    while (*link != kNullRef) {
        const Ref ref = *link;
        Entry* e = arena_.at<Entry>(ref);
        if (set.may_contain(ref)) {
            link = &e->next;
        } else {
            *link = e->next;
            arena_.free(ref);
        }
    }
}

}  // namespace cache_ext::core
