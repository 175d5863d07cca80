#include "pg/base/contained.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/guarded.hpp"

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
}

namespace cache_ext::pg {
namespace {

bool cancel_was_pending = false;

void release(ResourceOwner owner) {
    // As after a rollback: what is left is no leak, and locks go now.
    ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, false);
    ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, false, false);
    ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, false, false);
    ResourceOwnerDelete(owner);
}

// What an error leaves behind beside resources that have an owner, a read that has begun for
// instance, is what the server's rollback of a subtransaction clears up, of whoever it is. Two of
// them for the reason that guarded() has.
void clear_up(MemoryContext context, ResourceOwner owner) {
    BeginInternalSubTransaction(nullptr);
    BeginInternalSubTransaction(nullptr);
    RollbackAndReleaseCurrentSubTransaction();
    ReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
}

}  // namespace

bool contained(void (*work)(void*), void* argument, const char* failure) {
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    volatile bool ok = true;
    ResourceOwner own = ResourceOwnerCreate(owner, "cache_ext");
    MemoryContext memory =
        AllocSetContextCreate(context, "cache_ext contained", ALLOCSET_DEFAULT_SIZES);
    const HeldTimeout held = hold_transaction_timeout();
    HOLD_INTERRUPTS();
    cancel_was_pending = QueryCancelPending;
    CurrentResourceOwner = own;
    MemoryContextSwitchTo(memory);
    PG_TRY();
    { work(argument); }
    PG_CATCH();
    {
        HOLD_INTERRUPTS();  // an error lets them go
        LWLockReleaseAll();
        UnlockBuffers();
        MemoryContextSwitchTo(context);
        swallow_error(failure);
        ok = false;
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
    if (!ok) clear_up(context, owner);
    release(own);
    MemoryContextDelete(memory);
    release_transaction_timeout(held);
    RESUME_INTERRUPTS();
    return ok;
}

bool interrupt_arrived() {
    return ProcDiePending || (QueryCancelPending && !cancel_was_pending);
}

}  // namespace cache_ext::pg
