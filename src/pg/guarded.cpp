#include "pg/guarded.hpp"

#include "pg/postgres.hpp"

extern "C" {
#include "utils/resowner.h"
}

namespace cache_ext::pg {

// Two subtransactions, one in the other: a rollback into the transaction itself, which is in the
// middle of COMMIT or PREPARE TRANSACTION, is more than RollbackAndReleaseCurrentSubTransaction()
// is prepared for (it asserts a parent in progress). A release is not.
bool guarded(void (*work)(void*), void* argument, const char* failure) {
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    volatile bool ok = true;
    BeginInternalSubTransaction(nullptr);
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(context);
    PG_TRY();
    {
        work(argument);
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        ErrorData* error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
        ereport(LOG, (errmsg("cache_ext: %s", failure), errdetail_internal("%s", error->message)));
        FreeErrorData(error);
        ok = false;
    }
    PG_END_TRY();
    ReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
    return ok;
}

}  // namespace cache_ext::pg
