#include "core/eviction.hpp"

#include <algorithm>
#include <bit>

namespace cache_ext::core {
namespace {

constexpr std::uint64_t kSmallQueueFrom = 64;  // below: main queue only

// Second chances that one search may grant. Readers keep raising counters meanwhile, and the budget
// lock is held: past this the oldest entry goes, however often it was hit.
constexpr int kMaxSecondChances = 1024;

// By use: max(10 %, min(50 %, 128 entries)) of what is alive. By cost the main queue decides more,
// so it gets more of a small budget.
std::uint64_t small_target(std::uint64_t entries, Eviction by) {
    if (by == Eviction::kCost) return entries / 10;
    return std::max(entries / 10, std::min<std::uint64_t>(entries / 2, 128));
}

std::uint32_t fingerprint(Tag hash) {
    const auto f = static_cast<std::uint32_t>(hash >> 32);
    return f != 0 ? f : 1;
}

// 256 * log2(x), linear between powers of two.
std::int32_t logarithm(std::uint64_t x) {
    const int power = std::bit_width(x) - 1;
    const std::uint64_t rest = power >= 8 ? x >> (power - 8) : x << (8 - power);
    return power * 256 + static_cast<std::int32_t>(rest & 255);
}

// The inverse.
std::uint64_t power_of_two(std::int32_t l) {
    if (l < 0) return 0;
    if (l >= 40 * 256) return UINT64_MAX >> 8;
    return ((std::uint64_t{256} + (l & 255)) << (l / 256)) >> 8;
}

// An entry of usual worth is due this far (as a logarithm) after the last victim. Leaves a factor
// of 1,000 below and of 200 above it.
constexpr std::int32_t kUsualCredit = 10 * 256;

constexpr std::uint64_t kMostCredit = CostWheel::kMaxCredit;

// What it would cost to load the entry again, for what its place is worth; as a logarithm.
std::int32_t worth(const Arena& arena, Ref ref, const EvictionRules& rules) {
    const std::int32_t cost = logarithm(std::uint64_t{arena.at<Entry>(ref)->load_us} + 1);
    return rules.by_bytes ? cost - logarithm(arena.gross_bytes(ref)) : cost;
}

}  // namespace

void EvictionQueue::push_small(const Arena& arena, Ref ref) {
    Entry* e = arena.at<Entry>(ref);
    e->queue = Queue::kSmall;
    e->queue_prev = kNullRef;
    e->queue_next = small.newest;
    (small.newest != kNullRef ? arena.at<Entry>(small.newest)->queue_prev : small.oldest) = ref;
    small.newest = ref;
    ++small.count;
}

void EvictionQueue::unlink_small(const Arena& arena, Ref ref) {
    Entry* e = arena.at<Entry>(ref);
    (e->queue_prev != kNullRef ? arena.at<Entry>(e->queue_prev)->queue_next : small.newest) =
        e->queue_next;
    (e->queue_next != kNullRef ? arena.at<Entry>(e->queue_next)->queue_prev : small.oldest) =
        e->queue_prev;
    e->queue = Queue::kNone;
    --small.count;
}

std::uint64_t EvictionQueue::credit(const Arena& arena, Ref ref, const EvictionRules& rules) const {
    return power_of_two(worth(arena, ref, rules) - usual_worth + kUsualCredit);
}

// Worth a place in the main queue although nobody has read it yet.
bool EvictionQueue::costly(const Arena& arena, Ref ref, const EvictionRules& rules) const {
    return rules.by == Eviction::kCost &&
           credit(arena, ref, rules) > 2 * power_of_two(kUsualCredit);
}

void EvictionQueue::push_main(const Arena& arena, Ref ref, const EvictionRules& rules,
                              std::uint32_t uses) {
    if (rules.by == Eviction::kLru) {
        main.push_last(arena, ref);
    } else {
        main.push(arena, ref, std::min(uses * credit(arena, ref, rules), kMostCredit));
    }
}

void EvictionQueue::insert(const Arena& arena, Ref ref, const EvictionRules& rules) {
    Entry* e = arena.at<Entry>(ref);
    const std::int32_t w = worth(arena, ref, rules);
    usual_worth = entries() == 0 ? w : usual_worth + (w - usual_worth) / 64;
    const bool tiny = rules.max_entries != 0 && rules.max_entries < kSmallQueueFrom;
    if (tiny || remembered(arena, e->hash)) {
        push_main(arena, ref, rules, 1);
    } else {
        push_small(arena, ref);
    }
}

void EvictionQueue::remove(const Arena& arena, Ref ref) {
    const Entry& e = *arena.at<Entry>(ref);
    if (e.queue == Queue::kSmall) {
        unlink_small(arena, ref);
    } else if (CostWheel::holds(e)) {
        main.remove(arena, ref);
    }
}

Ref EvictionQueue::pop_victim(const Arena& arena, const EvictionRules& rules) {
    for (int chances = kMaxSecondChances;; --chances) {
        if (small.count > 0 &&
            (main.count == 0 || small.count >= small_target(entries(), rules.by))) {
            const Ref ref = small.oldest;
            Entry* e = arena.at<Entry>(ref);
            unlink_small(arena, ref);
            const std::uint8_t f = load_relaxed(e->frequency);
            if (chances > 0 && f > 0) {
                store_relaxed(e->frequency, 0);
                push_main(arena, ref, rules, f);
            } else if (chances > 0 && costly(arena, ref, rules)) {
                main.push(arena, ref, std::min(credit(arena, ref, rules) / 2, kMostCredit));
            } else {
                remember(arena, e->hash);
                return ref;
            }
            continue;
        }
        const Ref ref = main.pop(arena);
        if (ref == kNullRef) return kNullRef;
        Entry* e = arena.at<Entry>(ref);
        const std::uint8_t f = load_relaxed(e->frequency);
        if (f == 0 || chances <= 0) return ref;
        store_relaxed(e->frequency, rules.by == Eviction::kLru ? f - 1 : 0);
        push_main(arena, ref, rules, f);
    }
}

void EvictionQueue::replace(const Arena& arena, Ref old, Ref fresh) {
    const Entry& from = *arena.at<Entry>(old);
    if (CostWheel::holds(from)) return main.replace(arena, old, fresh);
    Entry& to = *arena.at<Entry>(fresh);
    to.queue = from.queue;
    to.queue_prev = from.queue_prev;
    to.queue_next = from.queue_next;
    (to.queue_prev != kNullRef ? arena.at<Entry>(to.queue_prev)->queue_next : small.newest) = fresh;
    (to.queue_next != kNullRef ? arena.at<Entry>(to.queue_next)->queue_prev : small.oldest) = fresh;
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
