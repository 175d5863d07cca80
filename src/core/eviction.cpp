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

}  // namespace

// Does the next victim come from the small queue?
bool EvictionQueue::small_goes_first(const EvictionRules& rules) const {
    const std::uint64_t all = entries();
    const std::uint64_t target =
        rules.by == Eviction::kCost ? CostQueue::small_target(all) : small_target(all);
    return small.count > 0 && (small.count == all || small.count >= target);
}

void EvictionQueue::push_main(const Arena& arena, Ref ref, const EvictionRules& rules,
                              std::uint32_t uses) {
    if (rules.by == Eviction::kCost) {
        by_cost.push(arena, ref, rules.by_bytes, uses);
    } else {
        main.push(arena, ref);
    }
}

Ref EvictionQueue::pop_main(const Arena& arena, const EvictionRules& rules) {
    const bool fifo = rules.by == Eviction::kCost ? main.count > 0 : by_cost.wheel.count == 0;
    return fifo ? main.pop(arena) : by_cost.wheel.pop(arena);
}

void EvictionQueue::insert(const Arena& arena, Ref ref, const EvictionRules& rules) {
    by_cost.learn(arena, ref, rules.by_bytes, entries() == 0);
    const bool tiny = rules.max_entries != 0 && rules.max_entries < kSmallQueueFrom;
    if (tiny || ghosts.forget(arena, arena.at<Entry>(ref)->hash)) {
        push_main(arena, ref, rules, 1);
    } else {
        small.push(arena, ref);
    }
}

void EvictionQueue::remove(const Arena& arena, Ref ref) {
    const Entry& e = *arena.at<Entry>(ref);
    if (small.holds(e)) {
        small.remove(arena, ref);
    } else if (main.holds(e)) {
        main.remove(arena, ref);
    } else if (CostWheel::holds(e)) {
        by_cost.wheel.remove(arena, ref);
    }
}

void EvictionQueue::replace(const Arena& arena, Ref old, Ref fresh) {
    const Entry& e = *arena.at<Entry>(old);
    if (small.holds(e)) {
        small.replace(arena, old, fresh);
    } else if (main.holds(e)) {
        main.replace(arena, old, fresh);
    } else {
        by_cost.wheel.replace(arena, old, fresh);
    }
}

Ref EvictionQueue::pop_victim(const Arena& arena, const EvictionRules& rules) {
    for (int chances = kMaxSecondChances;; --chances) {
        const bool from_small = small_goes_first(rules);
        const Ref ref = from_small ? small.pop(arena) : pop_main(arena, rules);
        if (ref == kNullRef) return kNullRef;
        Entry* e = arena.at<Entry>(ref);
        const std::uint8_t uses = load_relaxed(e->frequency);
        if (chances > 0 && uses > 0) {
            // The FIFO queue takes a round for each, the one by cost takes all at once.
            const bool one_by_one = !from_small && rules.by == Eviction::kLru;
            store_relaxed(e->frequency, one_by_one ? uses - 1 : 0);
            push_main(arena, ref, rules, uses);
            continue;
        }
        if (!from_small) return ref;
        if (chances > 0 && rules.by == Eviction::kCost &&
            by_cost.push_unread(arena, ref, rules.by_bytes)) {
            continue;
        }
        ghosts.remember(arena, e->hash);
        return ref;
    }
}

}  // namespace cache_ext::core
