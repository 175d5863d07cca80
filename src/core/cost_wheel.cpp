#include "core/cost_wheel.hpp"

#include <algorithm>
#include <bit>

namespace cache_ext::core {
namespace {

constexpr std::uint32_t kFirst = static_cast<std::uint32_t>(Queue::kMain);
static_assert(kFirst + CostWheel::kLevels * CostWheel::kSlots <= UINT8_MAX);

Queue name_of(std::uint32_t level, std::uint32_t slot) {
    return static_cast<Queue>(kFirst + level * CostWheel::kSlots + slot);
}

}  // namespace

std::uint64_t CostWheel::due(std::uint32_t level, std::uint32_t ahead) const {
    const std::uint64_t begins = ((hand >> (2 * level)) + ahead) << (2 * level);
    return std::max(begins, hand);
}

// Which slots are in use, the one under the hand first.
std::uint32_t CostWheel::rotated(std::uint32_t level) const {
    const auto under = static_cast<int>(hand >> (2 * level) & (kSlots - 1));
    return std::rotr(used[level], under);
}

void CostWheel::append(const Arena& arena, Ref ref, std::uint32_t level, std::uint32_t slot) {
    Slot& s = slots[level][slot];
    Entry* e = arena.at<Entry>(ref);
    e->queue = name_of(level, slot);
    e->queue_prev = kNullRef;
    e->queue_next = s.newest;
    (s.newest != kNullRef ? arena.at<Entry>(s.newest)->queue_prev : s.oldest) = ref;
    s.newest = ref;
    used[level] = static_cast<std::uint16_t>(used[level] | 1U << slot);
    ++count;
}

void CostWheel::push(const Arena& arena, Ref ref, std::uint64_t credit) {
    std::uint32_t level = 0;
    while (credit >> (2 * level) > kSlots - 2) ++level;
    append(arena, ref, level, (hand + credit) >> (2 * level) & (kSlots - 1));
}

void CostWheel::push_last(const Arena& arena, Ref ref) {
    std::uint32_t level = 0, slot = hand & (kSlots - 1);
    std::uint64_t latest = 0;
    for (std::uint32_t l = 0; l < kLevels; ++l) {
        const std::uint32_t in_use = rotated(l);
        if (in_use == 0) continue;
        const auto ahead = static_cast<std::uint32_t>(std::bit_width(in_use)) - 1;
        if (due(l, ahead) < latest) continue;
        latest = due(l, ahead);
        level = l;
        slot = ((hand >> (2 * l)) + ahead) & (kSlots - 1);
    }
    append(arena, ref, level, slot);
}

void CostWheel::remove(const Arena& arena, Ref ref) {
    Entry* e = arena.at<Entry>(ref);
    const std::uint32_t name = static_cast<std::uint32_t>(e->queue) - kFirst;
    const std::uint32_t level = name / kSlots, slot = name % kSlots;
    Slot& s = slots[level][slot];
    (e->queue_prev != kNullRef ? arena.at<Entry>(e->queue_prev)->queue_next : s.newest) =
        e->queue_next;
    (e->queue_next != kNullRef ? arena.at<Entry>(e->queue_next)->queue_prev : s.oldest) =
        e->queue_prev;
    if (s.newest == kNullRef) used[level] = static_cast<std::uint16_t>(used[level] & ~(1U << slot));
    e->queue = Queue::kNone;
    --count;
}

Ref CostWheel::pop(const Arena& arena) {
    Ref first = kNullRef;
    std::uint64_t earliest = UINT64_MAX;
    for (std::uint32_t l = 0; l < kLevels; ++l) {
        const std::uint32_t in_use = rotated(l);
        if (in_use == 0) continue;
        const auto ahead = static_cast<std::uint32_t>(std::countr_zero(in_use));
        if (due(l, ahead) >= earliest) continue;
        earliest = due(l, ahead);
        first = slots[l][((hand >> (2 * l)) + ahead) & (kSlots - 1)].oldest;
    }
    if (first == kNullRef) return kNullRef;
    hand = earliest;
    remove(arena, first);
    return first;
}

void CostWheel::replace(const Arena& arena, Ref old, Ref fresh) {
    const Entry& from = *arena.at<Entry>(old);
    Entry& to = *arena.at<Entry>(fresh);
    const std::uint32_t name = static_cast<std::uint32_t>(from.queue) - kFirst;
    Slot& s = slots[name / kSlots][name % kSlots];
    to.queue = from.queue;
    to.queue_prev = from.queue_prev;
    to.queue_next = from.queue_next;
    (to.queue_prev != kNullRef ? arena.at<Entry>(to.queue_prev)->queue_next : s.newest) = fresh;
    (to.queue_next != kNullRef ? arena.at<Entry>(to.queue_next)->queue_prev : s.oldest) = fresh;
}

}  // namespace cache_ext::core
