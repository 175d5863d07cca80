#include "core/amounts.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace cache_ext::core {
namespace {

Amount get(const std::uint8_t* amounts, std::uint32_t i) {
    Amount a;
    std::memcpy(&a, amounts + i * sizeof(a), sizeof(a));
    return a;
}

void put(std::uint8_t* amounts, std::uint32_t i, Amount a) {
    std::memcpy(amounts + i * sizeof(a), &a, sizeof(a));
}

bool add_amounts(std::uint8_t* to, const std::uint8_t* from, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        Amount a = get(to, i);
        if (__builtin_add_overflow(a, get(from, i), &a)) return false;
        put(to, i, a);
    }
    return true;
}

// By insertion: a delta has few values, and most of them find their place near the end.
void merge_group(std::uint8_t* to, const std::uint8_t* from, std::uint32_t size) {
    for (std::uint32_t i = 0; i < size; ++i) {
        const Amount a = get(from, i);
        std::uint32_t place = size - 1;
        // Nor is there room for those behind it.
        if (a >= get(to, place)) return;
        for (; place > 0 && a < get(to, place - 1); --place) put(to, place, get(to, place - 1));
        put(to, place, a);
    }
}

}  // namespace

std::uint32_t Groups::end(std::uint32_t i, std::uint32_t count) const {
    const std::uint64_t behind = ~std::uint64_t{1} << i;
    const auto next = static_cast<std::uint32_t>(std::countr_zero((begins | ~kept) & behind));
    return std::min(next, count);
}

bool merge_amounts(std::uint8_t* to, const std::uint8_t* from, std::uint32_t count, Groups groups) {
    // Sums alone are the rule, and cost what they did without groups.
    if (groups.none()) return add_amounts(to, from, count);
    for (std::uint32_t i = 0, end = 0; i < count; i = end) {
        const bool kept = groups.has(i);
        end = kept ? groups.end(i, count) : i + 1;
        if (kept) {
            merge_group(to + i * sizeof(Amount), from + i * sizeof(Amount), end - i);
        } else if (!add_amounts(to + i * sizeof(Amount), from + i * sizeof(Amount), 1)) {
            return false;
        }
    }
    return true;
}

void clear_amounts(std::uint8_t* amounts, std::uint32_t count, Groups groups) {
    for (std::uint32_t i = 0; i < count; ++i) put(amounts, i, empty_amount(i, groups));
}

bool least_left(Group came, Group went, std::uint32_t wanted, Amount* out, std::uint32_t* count) {
    *count = 0;
    const Amount limit = went.values[went.size - 1];  // kNoLeast: none that went is missing
    std::uint32_t next = 0;                           // of those that went
    for (std::uint32_t i = 0; i < came.size && came.values[i] != kNoLeast; ++i) {
        const Amount value = came.values[i];
        while (next < went.size && went.values[next] < value) ++next;
        if (next < went.size && went.values[next] == value) {
            ++next;
            continue;
        }
        if (value >= limit) return false;
        out[(*count)++] = value;
        if (*count == wanted) return true;
    }
    return came.values[came.size - 1] == kNoLeast;  // none that came is missing
}

}  // namespace cache_ext::core
