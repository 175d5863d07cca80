// How long to wait after failures: twice as long each time, up to a cap, with jitter so that what
// failed together does not come back together.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/clock.hpp"

namespace cache_ext::core {

struct Backoff {
    Millis first;                // after the first failure that counts
    Millis cap;                  // never longer, but for the jitter
    std::uint32_t forgiven = 0;  // failures that cost nothing yet

    // Milliseconds after so many failures in a row. jitter: in [0, 1), evenly distributed; the
    // result is within a quarter of the exact value.
    Millis delay(std::uint32_t failures, double jitter) const {
        if (failures <= forgiven) return 0;
        const std::uint32_t doublings = std::min<std::uint32_t>(failures - forgiven - 1, 40);
        const Millis exact = first > (cap >> doublings) ? cap : first << doublings;
        return static_cast<Millis>(static_cast<double>(exact) * (0.75 + 0.5 * jitter));
    }
};

}  // namespace cache_ext::core
