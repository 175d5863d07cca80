// Sizes of values as caches see them: 0.2 to 20 KB, most of them near the median.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>

namespace cache_ext::core::test {

template <class Random>
std::uint32_t mixed_size(Random& random, double median) {
    std::lognormal_distribution<double> sizes(std::log(median), 1.0);
    return static_cast<std::uint32_t>(std::clamp(sizes(random), 200.0, 20000.0));
}

}  // namespace cache_ext::core::test
