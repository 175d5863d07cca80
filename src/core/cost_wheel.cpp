#include "core/cost_wheel.hpp"

#include <algorithm>
#include <bit>

namespace cache_ext::core {
namespace {

constexpr std::uint32_t kFirst = static_cast<std::uint32_t>(Queue::kWheel);
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

void CostWheel::push(const Arena& arena, Ref ref, std::uint64_t credit) {
    std::uint32_t level = 0;
    while (credit >> (2 * level) > kSlots - 2) ++level;
    const std::uint32_t slot = (hand + credit) >> (2 * level) & (kSlots - 1);
    slots[level][slot].push(arena, ref);
    used[level] = static_cast<std::uint16_t>(used[level] | 1U << slot);
    arena.at<Entry>(ref)->queue = name_of(level, slot);
    ++count;
}

void CostWheel::remove(const Arena& arena, Ref ref) {
    Entry* e = arena.at<Entry>(ref);
    const std::uint32_t name = static_cast<std::uint32_t>(e->queue) - kFirst;
    const std::uint32_t level = name / kSlots, slot = name % kSlots;
    slots[level][slot].remove(arena, ref);
    if (slots[level][slot].empty()) {
        used[level] = static_cast<std::uint16_t>(used[level] & ~(1U << slot));
    }
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
    const Queue place = arena.at<Entry>(old)->queue;
    const std::uint32_t name = static_cast<std::uint32_t>(place) - kFirst;
    slots[name / kSlots][name % kSlots].replace(arena, old, fresh);
    arena.at<Entry>(fresh)->queue = place;
}

}  // namespace cache_ext::core
