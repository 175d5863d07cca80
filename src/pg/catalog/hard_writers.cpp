// A commit becomes visible before its invalidation messages are sent, and its locks go after them.
#include "pg/catalog/hard_writers.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/base/snapshots.hpp"

extern "C" {
#include "access/transam.h"
#include "access/xact.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
}

namespace cache_ext::pg {
namespace {

// Have those sent them that the cache cannot name any more? They are rare, many at once; so all
// locks are looked at: none of an XID below theirs is held.
bool lost_have_sent(core::CacheIndex index, const core::Snapshot& snapshot) {
    const core::Xid below = store().lost_hard_below(index);
    if (below == 0 || snapshot.xmin < below) return false;
    LockData* locks = GetLockStatusData();
    bool held = false;
    for (int i = 0; i < locks->nelements && !held; ++i) {
        const LockInstanceData& lock = locks->locks[i];
        held =
            lock.locktag.locktag_type == LOCKTAG_TRANSACTION &&
            (lock.holdMask & LOCKBIT_ON(ExclusiveLock)) != 0 &&
            TransactionIdPrecedes(lock.locktag.locktag_field1, static_cast<TransactionId>(below));
    }
    pfree(locks->locks);
    pfree(locks);
    return !held;
}

}  // namespace

bool messages_sent(core::CacheIndex index, const core::Snapshot& snapshot, core::Xid* by) {
    core::Xid hard[core::kMaxHard];
    uint32 n;
    *by = 0;
    if (!store().hard_writers(index, hard, &n) && !lost_have_sent(index, snapshot)) return false;
    for (uint32 i = 0; i < n; ++i) {
        if (snapshot.in_progress(hard[i]) || hard[i] + kLongAgo < snapshot.xmax) continue;
        const auto xid = static_cast<TransactionId>(hard[i]);
        *by = hard[i];
        if (xid != GetTopTransactionIdIfAny() && !try_xact_lock(xid)) return false;
    }
    return true;
}

bool misses_hard_writer(core::CacheIndex index, const core::Snapshot& snapshot) {
    core::Xid hard[core::kMaxHard];
    uint32 count;
    if (!store().hard_writers(index, hard, &count)) {
        const core::Xid lost = store().lost_hard_below(index);
        if (lost == 0 || snapshot.xmin < lost) return true;
    }
    return std::any_of(hard, hard + count, [&](core::Xid x) { return snapshot.in_progress(x); });
}

}  // namespace cache_ext::pg
