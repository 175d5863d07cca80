#include "core/eviction.hpp"

#include <algorithm>

namespace cache_ext::core {
namespace {

constexpr std::uint64_t kSmallQueueFrom = 64;  // below: main queue only

// Second chances that one search may grant. Readers keep raising counters meanwhile, and the budget
// lock is held: past this the oldest entry goes, however often it was hit.
constexpr int kMaxSecondChances = 1024;

// max(10 %, min(50 %, 128 entries)) of what is alive.
std::uint64_t small_target(std::uint64_t entries) {
    return std::max(entries / 10, std::min<std::uint64_t>(entries / 2, 128));
}

std::uint32_t fingerprint(Tag hash) {
    const auto f = static_cast<std::uint32_t>(hash >> 32);
    return f != 0 ? f : 1;
}

}  // namespace

void EvictionQueue::push(const Arena& arena, EntryList* list, Ref ref, Queue queue) {
    Entry* e = arena.at<Entry>(ref);
    e->queue = queue;
    e->queue_prev = kNullRef;
    e->queue_next = list->newest;
    if (list->newest != kNullRef) {
        arena.at<Entry>(list->newest)->queue_prev = ref;
    } else {
        list->oldest = ref;
    }
    list->newest = ref;
    ++list->count;
}

void EvictionQueue::unlink(const Arena& arena, EntryList* list, Ref ref) {
    Entry* e = arena.at<Entry>(ref);
    if (e->queue_prev != kNullRef) {
        arena.at<Entry>(e->queue_prev)->queue_next = e->queue_next;
    } else {
        list->newest = e->queue_next;
    }
    if (e->queue_next != kNullRef) {
        arena.at<Entry>(e->queue_next)->queue_prev = e->queue_prev;
    } else {
        list->oldest = e->queue_prev;
    }
    e->queue = Queue::kNone;
    --list->count;
}

void EvictionQueue::insert(const Arena& arena, Ref ref, std::uint64_t expected) {
    Entry* e = arena.at<Entry>(ref);
    const bool tiny = expected != 0 && expected < kSmallQueueFrom;
    if (tiny || remembered(arena, e->hash)) {
        push(arena, &main, ref, Queue::kMain);
    } else {
        push(arena, &small, ref, Queue::kSmall);
    }
}

void EvictionQueue::remove(const Arena& arena, Ref ref) {
    const Queue queue = arena.at<Entry>(ref)->queue;
    if (queue == Queue::kSmall) unlink(arena, &small, ref);
    if (queue == Queue::kMain) unlink(arena, &main, ref);
}

Ref EvictionQueue::pop_victim(const Arena& arena) {
    for (int chances = kMaxSecondChances;; --chances) {
        if (small.count > 0 && (main.count == 0 || small.count >= small_target(entries()))) {
            const Ref ref = small.oldest;
            Entry* e = arena.at<Entry>(ref);
            unlink(arena, &small, ref);
            if (load_relaxed(e->frequency) == 0 || chances <= 0) {
                remember(arena, e->hash);
                return ref;
            }
            store_relaxed(e->frequency, 0);
            push(arena, &main, ref, Queue::kMain);
            continue;
        }
        if (main.count == 0) return kNullRef;
        const Ref ref = main.oldest;
        Entry* e = arena.at<Entry>(ref);
        unlink(arena, &main, ref);
        const std::uint8_t f = load_relaxed(e->frequency);
        if (f == 0 || chances <= 0) return ref;
        store_relaxed(e->frequency, f - 1);
        push(arena, &main, ref, Queue::kMain);
    }
}

void EvictionQueue::replace(const Arena& arena, Ref old, Ref fresh) {
    const Entry& from = *arena.at<Entry>(old);
    Entry& to = *arena.at<Entry>(fresh);
    EntryList& list = from.queue == Queue::kSmall ? small : main;
    to.queue = from.queue;
    to.queue_prev = from.queue_prev;
    to.queue_next = from.queue_next;
    (to.queue_prev != kNullRef ? arena.at<Entry>(to.queue_prev)->queue_next : list.newest) = fresh;
    (to.queue_next != kNullRef ? arena.at<Entry>(to.queue_next)->queue_prev : list.oldest) = fresh;
}

// The four slots that a fingerprint may be in, the newest first.
std::uint32_t* EvictionQueue::ghost_set(const Arena& arena, Tag hash) const {
    return GhostTable::begin(arena, ghosts.slots) +
           (hash & (ghosts.slot_count - 1) & ~std::uint64_t{kGhostSet - 1});
}

void EvictionQueue::remember(const Arena& arena, Tag hash) {
    if (ghosts.slot_count == 0) return;
    std::uint32_t* set = ghost_set(arena, hash);
    std::copy_backward(set, set + kGhostSet - 1, set + kGhostSet);
    set[0] = fingerprint(hash);
}

bool EvictionQueue::remembered(const Arena& arena, Tag hash) {
    if (ghosts.slot_count == 0) return false;
    std::uint32_t* set = ghost_set(arena, hash);
    std::uint32_t* found = std::find(set, set + kGhostSet, fingerprint(hash));
    if (found == set + kGhostSet) return false;
    std::copy(found + 1, set + kGhostSet, found);
    set[kGhostSet - 1] = 0;
    return true;
}

GhostTable EvictionQueue::replace_ghosts(const Arena& arena, GhostTable table) {
    std::fill_n(GhostTable::begin(arena, table.slots), table.slot_count, 0U);
    const GhostTable old = ghosts;
    ghosts.slots = table.slots;
    store_relaxed(ghosts.slot_count, table.slot_count);
    return old;
}

GhostTable EvictionQueue::take_ghosts() {
    const GhostTable old = ghosts;
    ghosts.slots = kNullRef;
    store_relaxed(ghosts.slot_count, 0U);
    return old;
}

}  // namespace cache_ext::core
