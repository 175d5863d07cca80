// Refreshing ahead of the end by what a load takes: XFetch (Vattani, Chierichetti and Lowenstein,
// "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015).
//
// Each read that finds an entry close to its end asks for the refresh if
//     now + beta * load time * E >= end,      E from the exponential distribution of mean 1;
// so the more reads there are, and the longer the load takes, the earlier one of them does, and a
// key that is hardly read is left to expire. E is hardly ever above 16 (1 in 9 million), so reads
// before that many means draw nothing and go the way of any other hit.
#pragma once

#include <cstdint>

#include "core/block.hpp"
#include "core/entry.hpp"

namespace cache_ext::core {

inline constexpr double kEarlyMeans = 16;      // before the end: nobody asks earlier
inline constexpr double kScanMeans = 3;        // the same of who asks without a read
inline constexpr double kLeastEarlyLoad = 10;  // ms; until a worker has begun, whatever it loads

// ms; the mean of beta * load time * E. beta as CacheControl::refresh_beta has it.
inline double early_mean(std::uint32_t beta, std::uint32_t load_us) {
    const double load_ms = load_us / 1000.0;
    return (load_ms > kLeastEarlyLoad ? load_ms : kLeastEarlyLoad) * beta / 1000.0;
}
// From when on entries of this life are to be asked about, as Fill::refresh_after: 0 if the load
// takes long enough.
std::uint32_t early_after(std::uint32_t beta, std::uint32_t load_us, Millis life);

// Does a read at that time ask? Of an entry that is past its refresh_after; draws only for those
// that are refreshed so. Partition lock, or a copy.
bool asks_early(const Block& block, const Entry& entry, Millis now);
// When somebody who does not read it is to: its refresh point.
Millis refresh_point(const Block& block, const Entry& entry);

}  // namespace cache_ext::core
