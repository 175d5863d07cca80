#include "core/cost_queue.hpp"

#include <algorithm>
#include <bit>

namespace cache_ext::core {
namespace {

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

// What it would cost to load the entry again, for what its place is worth; as a logarithm.
std::int32_t worth(const Arena& arena, Ref ref, bool by_bytes) {
    const std::int32_t cost = logarithm(std::uint64_t{arena.at<Entry>(ref)->load_us} + 1);
    return by_bytes ? cost - logarithm(arena.gross_bytes(ref)) : cost;
}

}  // namespace

void CostQueue::learn(const Arena& arena, Ref ref, bool by_bytes, bool first) {
    const std::int32_t w = worth(arena, ref, by_bytes);
    usual_worth = first ? w : usual_worth + (w - usual_worth) / 64;
}

std::uint64_t CostQueue::credit(const Arena& arena, Ref ref, bool by_bytes) const {
    return power_of_two(worth(arena, ref, by_bytes) - usual_worth + kUsualCredit);
}

void CostQueue::push(const Arena& arena, Ref ref, bool by_bytes, std::uint32_t uses) {
    constexpr std::uint64_t kMost = CostWheel::kMaxCredit;
    wheel.push(arena, ref, std::min(uses * credit(arena, ref, by_bytes), kMost));
}

bool CostQueue::push_unread(const Arena& arena, Ref ref, bool by_bytes) {
    constexpr std::uint64_t kMost = CostWheel::kMaxCredit;
    const std::uint64_t c = credit(arena, ref, by_bytes);
    if (c <= 2 * power_of_two(kUsualCredit)) return false;
    wheel.push(arena, ref, std::min(c / 2, kMost));
    return true;
}

}  // namespace cache_ext::core
