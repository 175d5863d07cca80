#include "pg/base/snapshots.hpp"

#include "pg/base/compat.hpp"

namespace cache_ext::pg {

core::Xid widen(TransactionId xid) {
    return widen_near(xid, latest_completed_xid());
}

core::Snapshot copy_to_core(Snapshot snapshot) {
    core::Snapshot s = to_core(snapshot);
    auto* running =
        static_cast<uint32_t*>(palloc(std::max<size_t>(1, s.running_count) * sizeof(uint32_t)));
    std::copy_n(s.running, s.running_count, running);
    s.running = running;
    return s;
}

}  // namespace cache_ext::pg
