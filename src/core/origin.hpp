// Of which snapshot a value is, kept with those that may be served although the rings of their tags
// cannot vouch for them: as old values, to whoever came later; and to that very snapshot.
//
// Snapshots are totally ordered: each is taken between the ends of two transactions, the newest XID
// that has ended never goes back, and xmax is the one after that. Of two with the same xmax the
// later one has fewer transactions in progress below it, as none begins there any more.
// test/model/agreement.py has what follows from that.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/clock.hpp"
#include "core/snapshot.hpp"

namespace cache_ext::core {

// How many different transactions a snapshot lists. One that is being prepared may be listed twice.
inline std::uint32_t count_running(const Snapshot& s) {
    std::uint32_t n = 0;
    for (std::uint32_t i = 0; i < s.running_count; ++i) {
        n += std::find(s.running, s.running + i, s.running[i]) == s.running + i ? 1 : 0;
    }
    return n;
}

struct Origin {
    Xid xmax;               // of F, which was no snapshot of a transaction that had an XID
    std::uint32_t running;  // count_running(F)
    std::uint32_t reserved;
    // From when on the value may have been old, by writers whose records are gone; kNever: none is
    // known. Partition lock.
    Millis old_since;
    Millis refresh_from;  // an old value is not worth another load before this

    // Is F not newer than s? `unlisted`: the transaction of s has an XID, which s does not list.
    // May say no where the answer is yes.
    bool not_after(const Snapshot& s, bool unlisted) const {
        return s.xmax > xmax || (s.xmax == xmax && s.running_count + (unlisted ? 1 : 0) <= running);
    }
    // Is it s itself, or one that shows the same? The transaction of s must have no XID.
    bool same(const Snapshot& s) const {
        return s.xmax == xmax && s.running_count >= running && s.running_count <= 2 * running &&
               count_running(s) == running;
    }
};
static_assert(sizeof(Origin) == 32 && std::is_trivially_copyable_v<Origin>);

}  // namespace cache_ext::core
