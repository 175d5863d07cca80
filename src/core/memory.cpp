// Memory of the store: allocating by evicting, and freeing entries.
#include <algorithm>
#include <bit>

#include "core/store.hpp"

namespace cache_ext::core {
namespace {

// Evictions by policy before a request clears one place.
constexpr int kPolicyVictims = 8;

// Places that one request tries to clear at least, whatever goes for them in vain, and at most.
constexpr int kMinClearings = 2;
constexpr int kMaxClearings = 256;

// How many allocations are looked at in one go, under the arena's lock.
constexpr int kLookAhead = 512;

// What a larger ghost table may cost: it is tried for again, and entries need not go for it.
constexpr int kGhostRounds = 32;
constexpr std::uint32_t kGhostsAtOnce = 1024;

}  // namespace

void Store::release_memory(Ref ref) {
    LockGuard guard(locks_, kArenaLock, LockGuard::kExclusive);
    arena_.free(ref);
    check_arena();
}

Ref Store::take_memory(std::size_t bytes, Label label) {
    check_arena();
    const Ref ref = arena_.allocate(bytes);
    if (ref != kNullRef) *arena_.at<Label>(ref) = label;
    return ref;
}

// Fails when nothing is left to evict anywhere, after max_rounds, or when much has gone in vain:
// what cannot be evicted may lie everywhere. Every round frees something, or is the last.
Ref Store::allocate(std::size_t bytes, Label label, int max_rounds) {
    int clearings = 0;
    std::uint64_t in_vain = 0;  // bytes
    for (int round = 0; round < max_rounds; ++round) {
        {
            LockGuard guard(locks_, kArenaLock, LockGuard::kExclusive);
            const Ref ref = take_memory(bytes, label);
            if (ref != kNullRef) return ref;
        }
        if (round == kPolicyVictims && reap_now()) continue;
        if (round >= kPolicyVictims) {
            const Ref ref = clear_room(bytes, label, &in_vain);
            if (ref != kNullRef) return ref;
            const bool much = in_vain > arena_.max_allocation() / 4;
            if (++clearings >= (much ? kMinClearings : kMaxClearings)) return kNullRef;
        }
        const CacheIndex heaviest = heaviest_budget();
        if (heaviest != kNoCache && evict_one(heaviest)) continue;
        if (!evict_anywhere() && !drop_ghosts() && !drop_spare_page() && !reap_now()) {
            return kNullRef;
        }
    }
    return kNullRef;
}

// The holes that the policy's victims leave do not touch, so for a large value among small ones
// thousands would have to go. This takes one victim and then what lies behind it in the block,
// whosever it is, until there is room. Gives up at memory that cannot be evicted, before anything
// goes for nothing if that is near enough: a ghost table, a page of nodes, an entry that is not
// linked yet, or one that a reader holds. *in_vain: plus the bytes of what went for nothing.
Ref Store::clear_room(std::size_t bytes, Label label, std::uint64_t* in_vain) {
    const CacheIndex heaviest = heaviest_budget();
    if (heaviest == kNoCache) return kNullRef;
    Ref start = kNullRef;  // out of index and queue, but not freed: the place stays ours
    {
        LockGuard guard(locks_, budget_lock(heaviest), LockGuard::kExclusive);
        collect_dead(heaviest);
        evict_under_lock(heaviest, &start);
    }
    if (start == kNullRef) return kNullRef;
    full_fence();
    if (held(start)) {
        retire(start);
        return kNullRef;
    }
    bool possible = true;
    for (int step = 0; possible; ++step) {
        Ref next = kNullRef;
        Label what = 0;
        {
            LockGuard guard(locks_, kArenaLock, LockGuard::kExclusive);
            if (step % kLookAhead == 0 && obstacle_behind(start, Arena::gross_size(bytes))) {
                *in_vain += arena_.room_around(start);
                arena_.free(start);
                return kNullRef;
            }
            if (arena_.room_around(start) >= Arena::gross_size(bytes)) {
                arena_.free(start);
                return take_memory(bytes, label);
            }
            next = arena_.next_allocation(start);
            if (next != kNullRef) what = *arena_.at<Label>(next);
        }
        possible = next != kNullRef && is_entry(what) && !held(next) && evict_at(next, what);
    }
    LockGuard guard(locks_, kArenaLock, LockGuard::kExclusive);
    *in_vain += arena_.room_around(start);
    arena_.free(start);
    return kNullRef;
}

// Is there something that cannot be evicted among the next allocations, before `gross` bytes?
bool Store::obstacle_behind(Ref start, std::size_t gross) const {
    HeldSet held;
    collect_held(&held);
    std::size_t room = arena_.room_around(start);
    Ref next = arena_.next_allocation(start);
    for (int i = 0; i < kLookAhead && room < gross; ++i) {
        if (next == kNullRef || !is_entry(*arena_.at<Label>(next)) || held.may_contain(next)) {
            return true;
        }
        room += arena_.gross_bytes(next);
        next = arena_.next_allocation(next);
    }
    return false;
}

// Evicts the entry in some place. False if there is none, or none that is linked.
bool Store::evict_at(Ref ref, Tag hash) {
    CacheIndex budget;
    {
        PartitionWriter guard(locks_, partitions_, partition_of(hash));
        Ref known = *bucket(hash);
        while (known != kNullRef && known != ref) known = arena_.at<Entry>(known)->next;
        if (known == kNullRef) return false;
        const Entry* e = arena_.at<Entry>(ref);
        budget = e->budget;
        caches_[e->cache].counters.add(e->cache, Counter::kEvictions);
        unlink(ref);
        bury(ref);
    }
    LockGuard guard(locks_, budget_lock(budget), LockGuard::kExclusive);
    caches_[budget].queue.ghosts.remember(arena_, hash);
    collect_dead(budget);
    return true;
}

// When the heaviest budget has just been emptied by somebody else.
bool Store::evict_anywhere() {
    for (CacheIndex i = 0; i < header_->max_caches; ++i) {
        if (load_relaxed(caches_[i].used_entries) > 0 && evict_one(i)) return true;
    }
    return false;
}

// They are the last that may stand in the way of a large value.
bool Store::drop_ghosts() {
    bool dropped = false;
    for (CacheIndex i = 0; i < header_->max_caches; ++i) {
        GhostTable ghosts;
        {
            LockGuard guard(locks_, budget_lock(i), LockGuard::kExclusive);
            ghosts = caches_[i].queue.ghosts.take();
        }
        if (ghosts.slot_count == 0) continue;
        release_memory(ghosts.slots);
        dropped = true;
    }
    return dropped;
}

CacheIndex Store::heaviest_budget() const {
    CacheIndex best = kNoCache;
    std::uint64_t most = 0;
    for (CacheIndex i = 0; i < header_->max_caches; ++i) {
        const std::uint64_t bytes = load_relaxed(caches_[i].used_bytes);
        if (bytes > most) {
            most = bytes;
            best = i;
        }
    }
    return best;
}

bool Store::evict_one(CacheIndex budget) {
    LockGuard guard(locks_, budget_lock(budget), LockGuard::kExclusive);
    const std::uint64_t before = caches_[budget].used_bytes;
    collect_dead(budget);
    if (caches_[budget].used_bytes < before) return true;
    return evict_under_lock(budget);
}

EvictionRules Store::rules_of(const CacheControl& budget) const {
    const std::uint64_t max_entries = load_relaxed(budget.max_entries);
    return {eviction_, max_entries, max_entries == 0 || load_relaxed(budget.max_bytes) != 0};
}

// kept: gets the victim if it was evicted here, out of everything but not freed.
bool Store::evict_under_lock(CacheIndex budget, Ref* kept) {
    CacheControl& b = caches_[budget];
    const Ref ref = b.queue.pop_victim(arena_, rules_of(b));
    if (ref == kNullRef) return false;
    const Entry* e = arena_.at<Entry>(ref);
    bool mine;
    {
        PartitionWriter guard(locks_, partitions_, partition_of(e->hash));
        mine = unlink(ref);
    }
    if (mine) {
        caches_[e->cache].counters.add(e->cache, Counter::kEvictions);
        forget_entry(ref);
        if (kept != nullptr) {
            *kept = ref;
        } else {
            retire(ref);
        }
    } else {
        collect_dead(budget);  // a writer's record was dropped just now, and this entry with it
    }
    return true;
}

// Takes the entry out of the index. False if somebody else has done so already.
bool Store::unlink(Ref ref) {
    Entry* e = arena_.at<Entry>(ref);
    if (e->is_dead()) return false;
    Ref* link = bucket(e->hash);
    while (*link != ref) link = &arena_.at<Entry>(*link)->next;
    *link = e->next;
    e->next = kNullRef;
    e->flags |= Entry::kDeadFlag;
    add_relaxed(caches_[e->cache].live_entries, std::uint64_t{0} - 1);
    add_relaxed(caches_[e->cache].live_bytes, std::uint64_t{0} - arena_.gross_bytes(ref));
    return true;
}

// Hands an unlinked entry to the next holder of its budget's lock.
void Store::bury(Ref ref) {
    Entry* e = arena_.at<Entry>(ref);
    Ref& head = caches_[e->budget].dead;
    Ref seen = load_acquire(head);
    do {
        e->next = seen;
    } while (
        !__atomic_compare_exchange_n(&head, &seen, ref, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

void Store::collect_dead(CacheIndex budget) {
    const Ref chain = __atomic_exchange_n(&caches_[budget].dead, kNullRef, __ATOMIC_ACQ_REL);
    if (chain == kNullRef) return;
    for (Ref ref = chain; ref != kNullRef; ref = arena_.at<Entry>(ref)->next) {
        caches_[budget].queue.remove(arena_, ref);
        forget_entry(ref);
    }
    retire(chain);
}

void Store::forget_entry(Ref ref) {
    const Entry* e = arena_.at<Entry>(ref);
    CacheControl& b = caches_[e->budget];
    store_relaxed(b.used_entries, b.used_entries - 1);
    store_relaxed(b.used_bytes, b.used_bytes - arena_.gross_bytes(ref));
    unpin(e->tags(), e->tag_count);
}

// Ghosts are worth having about as many of as there are entries. Asked for once evictions have
// begun; while the memory is full, entries make room for them, which costs one in several hundred.
void Store::grow_ghosts(CacheIndex budget, std::uint64_t evictions) {
    const std::uint64_t entries = load_relaxed(caches_[budget].used_entries);
    const std::uint32_t have = load_relaxed(caches_[budget].queue.ghosts.slot_count);
    const auto want = static_cast<std::uint32_t>(
        std::bit_ceil(std::clamp<std::uint64_t>(entries / 4 * 3, 64, 1U << 20)));
    if (have >= want / 2 && have <= want * 8 && have != 0) return;
    // A large one may not be had now; do not try for every entry.
    if (want > kGhostsAtOnce && have != 0 && evictions % 256 != 0) return;
    const std::size_t bytes = GhostTable::bytes_for(want);
    if (bytes > arena_.max_allocation() / 16) return;
    const Ref fresh = allocate(bytes, kGhostLabel, kGhostRounds);
    if (fresh == kNullRef) return;
    GhostTable old;
    {
        LockGuard guard(locks_, budget_lock(budget), LockGuard::kExclusive);
        old = caches_[budget].queue.ghosts.replace(arena_, GhostTable{fresh, want});
    }
    if (old.slot_count != 0) release_memory(old.slots);
}

}  // namespace cache_ext::core
