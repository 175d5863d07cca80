#include "pg/base/commit_log.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/snapshots.hpp"

extern "C" {
#include "storage/lwlock.h"
}

namespace cache_ext::pg {

core::Outcome outcome_of(core::Xid xid) {
    if (xid + kLongAgo < latest_completed_xid()) return core::Outcome::kUnknown;
    const auto low = static_cast<TransactionId>(xid);
    core::Outcome outcome = core::Outcome::kUnknown;
    // Whoever truncates the log says so before he does.
    LWLockAcquire(XactTruncationLock, LW_SHARED);
    if (!TransactionIdPrecedes(low, oldest_logged_xid())) {
        outcome = TransactionIdDidCommit(low) ? core::Outcome::kCommitted : core::Outcome::kAborted;
    }
    LWLockRelease(XactTruncationLock);
    return outcome;
}

}  // namespace cache_ext::pg
