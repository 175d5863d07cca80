#include "pg/snapshots.hpp"

namespace cache_ext::pg {
namespace {

core::Xid widen_near(TransactionId xid, uint64 reference) {
    const auto distance = static_cast<int32>(xid - static_cast<uint32>(reference));
    return reference + static_cast<int64>(distance);
}

}  // namespace

core::Xid widen(TransactionId xid) {
    return widen_near(xid, latest_completed_xid());
}

core::Snapshot to_core(Snapshot snapshot) {
    const uint64 reference = latest_completed_xid();
    core::Snapshot s;
    s.xmin = widen_near(snapshot->xmin, reference);
    s.xmax = widen_near(snapshot->xmax, reference);
    s.running = snapshot->xip;
    s.running_count = snapshot->xcnt;
    return s;
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
