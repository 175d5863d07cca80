#include "pg/catalog/survivors.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/snapshots.hpp"

extern "C" {
#include "access/twophase.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
}

namespace cache_ext::pg {
namespace {

// Written once, under the lock; after that it does not change.
struct Survivors {
    bool known;
    int count;
    Survivor all[FLEXIBLE_ARRAY_MEMBER];  // max_prepared_transactions of them
};

Survivors* list = nullptr;
LWLock* list_lock = nullptr;
bool known_here = false;

// SQL's advisory locks have 1 or 2 in the last field. Caches whose ids fold to the same number are
// taken for one another, which does no harm.
LOCKTAG hard_tag(Oid database, core::Xid xid, uint64 cache) {
    LOCKTAG tag;
    const auto folded = static_cast<uint32>(cache ^ cache >> 32);
    SET_LOCKTAG_ADVISORY(tag, database, static_cast<uint32>(xid), cache == 0 ? 0 : folded | 1,
                         0xCE);
    return tag;
}

constexpr LOCKMODE kHardMode = RowExclusiveLock;
constexpr LOCKMODE kProbeMode = ShareLock;  // conflicts with the other, not with itself

bool is_locked(const LOCKTAG& tag) {
    // A full lock table, too, means the worst.
    if (try_lock(&tag, kProbeMode) == LOCKACQUIRE_NOT_AVAIL) {
        return true;
    }
    LockRelease(&tag, kProbeMode, false);
    return false;
}

// Whoever is prepared now. One that is just being prepared may be among them, which does no harm:
// it registers itself as well.
int find_prepared(Survivor* out) {
    int n = 0;
    LWLockAcquire(ProcArrayLock, LW_SHARED);
    for (int i = 0; i < max_prepared_xacts; ++i) {
        const PGPROC& proc = PreparedXactProcs[i];
        // A process that is not in the array keeps what it was last used for, and its place of
        // then.
        if (TransactionIdIsValid(proc.xid) && ProcGlobal->xids[proc.pgxactoff] == proc.xid) {
            out[n++] = {widen(proc.xid), proc.databaseId};
        }
    }
    LWLockRelease(ProcArrayLock);
    return n;
}

Survivor* room() {
    return make_array<Survivor>(static_cast<size_t>(max_prepared_xacts));
}

}  // namespace

size_t survivors_bytes() {
    return add_size(offsetof(Survivors, all),
                    mul_size(sizeof(Survivor), static_cast<size_t>(max_prepared_xacts)));
}

void attach_survivors(LWLock* lock) {
    bool found;
    list_lock = lock;
    list =
        static_cast<Survivors*>(ShmemInitStruct("cache_ext survivors", survivors_bytes(), &found));
    if (!found) memset(static_cast<void*>(list), 0, survivors_bytes());
}

void mark_hard_survivor(Oid database, uint64 cache) {
    const LOCKTAG tag =
        hard_tag(database, U64FromFullTransactionId(GetTopFullTransactionId()), cache);
    LockAcquire(&tag, kHardMode, false, false);
}

bool is_hard_survivor(core::Xid xid, uint64 cache, bool as_reader) {
    if (as_reader && (is_locked(hard_tag(MyDatabaseId, xid, kReaderCaches)) ||
                      is_locked(hard_tag(InvalidOid, xid, kReaderCaches)))) {
        return true;
    }
    return is_locked(hard_tag(MyDatabaseId, xid, cache)) ||
           is_locked(hard_tag(MyDatabaseId, xid, 0)) || is_locked(hard_tag(InvalidOid, xid, 0));
}

// Two processes may find them at the same time; nobody can end one of those before the first has
// written the list.
void note_survivors() {
    if (known_here || list == nullptr || RecoveryInProgress()) return;
    LWLockAcquire(list_lock, LW_SHARED);
    const bool known = list->known;
    LWLockRelease(list_lock);
    if (!known) {
        Survivor* found = room();
        const int n = find_prepared(found);
        LWLockAcquire(list_lock, LW_EXCLUSIVE);
        if (!list->known) {
            std::copy_n(found, n, list->all);
            list->count = n;
            list->known = true;
        }
        LWLockRelease(list_lock);
        pfree(found);
    }
    known_here = true;
}

bool survivors(const Survivor** all, int* count) {
    note_survivors();
    *count = 0;
    *all = nullptr;
    if (!known_here) return false;
    Survivor* here = room();
    *count = static_cast<int>(std::copy_n(list->all, list->count, here) - here);
    *all = here;
    return true;
}

}  // namespace cache_ext::pg
