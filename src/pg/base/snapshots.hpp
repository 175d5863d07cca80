// PostgreSQL's snapshots as the core's.
#pragma once

#include "core/snapshot.hpp"
#include "pg/base/compat.hpp"
#include "pg/base/postgres.hpp"

extern "C" {
#include "utils/snapshot.h"
}

namespace cache_ext::pg {

// A 32-bit XID of now with its epoch: it and the newest completed one are less than 2^31 apart.
core::Xid widen(TransactionId xid);

inline core::Xid widen_near(TransactionId xid, uint64 reference) {
    const auto distance = static_cast<int32>(xid - static_cast<uint32>(reference));
    return reference + static_cast<int64>(distance);
}

// A view of `snapshot`, which must be an MVCC snapshot and outlive the view.
inline core::Snapshot to_core(const SnapshotData* snapshot) {
    const uint64 reference = latest_completed_xid();
    return {widen_near(snapshot->xmin, reference), widen_near(snapshot->xmax, reference),
            snapshot->xip, snapshot->xcnt};
}

// A copy that lives in the current memory context.
core::Snapshot copy_to_core(Snapshot snapshot);

// Transactions that far back have certainly released their locks and sent their messages, and their
// low halves may not be asked about any more.
constexpr core::Xid kLongAgo = 1000000000;

}  // namespace cache_ext::pg
