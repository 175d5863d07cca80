#include "core/early.hpp"

#include <algorithm>
#include <cmath>

namespace cache_ext::core {
namespace {

double mean_of(const Block& block, const Entry& e) {
    return early_mean(load_relaxed(block.caches[e.cache].refresh_beta), e.load_us);
}

// Of mean 1. From 53 random bits as a number in (0, 1], so it ends at 37.
double exponential(std::uint64_t random) {
    return -std::log(static_cast<double>((random >> 11) + 1) * 0x1p-53);
}

}  // namespace

std::uint32_t early_after(std::uint32_t beta, std::uint32_t load_us, Millis life) {
    const double after = static_cast<double>(life) - kEarlyMeans * early_mean(beta, load_us);
    if (after >= UINT32_MAX) return UINT32_MAX - 1;  // never is another thing
    return after > 0 ? static_cast<std::uint32_t>(after) : 0;
}

bool asks_early(const Block& block, const Entry& e, Millis now) {
    if (!e.is_early()) return true;
    const std::uint64_t random = block.random != nullptr ? block.random() : 0;
    const double gap = mean_of(block, e) * exponential(random);
    return static_cast<double>(now) + gap >= static_cast<double>(e.expires_at());
}

Millis refresh_point(const Block& block, const Entry& e) {
    const Millis from = e.calculated_at + e.refresh_after;
    if (!e.is_early()) return from;
    return std::max(from, e.expires_at() - static_cast<Millis>(kScanMeans * mean_of(block, e)));
}

}  // namespace cache_ext::core
