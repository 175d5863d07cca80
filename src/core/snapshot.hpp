// What the read rule needs to know of an MVCC snapshot.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cache_ext::core {

// A transaction id with its epoch: never wraps, 0 is none.
using Xid = std::uint64_t;

// Every id below xmin has ended, every id from xmax on has not (as far as this snapshot knows), and
// those between have ended unless they are listed. `running` holds the low halves of the top-level
// ids in progress: ids inside [xmin, xmax) span less than 2^31, so the low halves are unambiguous.
struct Snapshot {
    Xid xmin = 0;
    Xid xmax = 0;
    const std::uint32_t* running = nullptr;
    std::uint32_t running_count = 0;

    bool in_progress(Xid xid) const {
        if (xid >= xmax) return true;
        if (xid < xmin) return false;
        const auto low = static_cast<std::uint32_t>(xid);
        for (std::uint32_t i = 0; i < running_count; ++i) {
            if (running[i] == low) return true;
        }
        return false;
    }
};

// Do both see the same? The lists may differ in order, and name one twice that is being prepared.
inline bool same_snapshot(const Snapshot& a, const Snapshot& b) {
    if (a.xmin != b.xmin || a.xmax != b.xmax) return false;
    if (a.running == b.running && a.running_count == b.running_count) return true;
    const auto lists_all_of = [](const Snapshot& s, const Snapshot& other) {
        return std::all_of(other.running, other.running + other.running_count, [&](auto low) {
            return std::find(s.running, s.running + s.running_count, low) !=
                   s.running + s.running_count;
        });
    };
    return lists_all_of(a, b) && lists_all_of(b, a);
}

}  // namespace cache_ext::core
