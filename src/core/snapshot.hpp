// What the read rule needs to know of an MVCC snapshot.
#pragma once

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

// Do both see the same? Of the ids below xmax none begins to run any more, so those that run only
// become fewer: as many are the same ones.
inline bool same_snapshot(const Snapshot& a, const Snapshot& b) {
    return a.xmin == b.xmin && a.xmax == b.xmax && a.running_count == b.running_count;
}

}  // namespace cache_ext::core
