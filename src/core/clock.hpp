// Time, injected. The core never asks the operating system; whoever builds a Store brings a Clock.
#pragma once

#include <cstdint>

namespace cache_ext::core {

// Milliseconds since an epoch of the owner's choice (the bridge uses PostgreSQL's, 2000-01-01).
using Millis = std::int64_t;

inline constexpr Millis kNever = INT64_MAX;

// Microseconds since the same epoch.
using Micros = std::int64_t;

struct Clock {
    Millis (*now)();
    // When the transaction of whoever asks began. Asked of values that hold for a Period only.
    Micros (*reader)() = nullptr;
};

}  // namespace cache_ext::core
