#include "pg/base/apart.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
}

namespace cache_ext::pg {
namespace {

// Runs `work` in a subtransaction, which stays only if it raised no error and is to be kept. The
// message of its error; nullptr: it raised none.
pg_noinline const char* run_in_subtransaction(void (*work)(void*), void* argument, bool keep) {
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    const char* volatile message = nullptr;
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(context);
    PG_TRY();
    {
        work(argument);
        if (keep) {
            ReleaseCurrentSubTransaction();
        } else {
            RollbackAndReleaseCurrentSubTransaction();
        }
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        ErrorData* error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(context);
        CurrentResourceOwner = owner;
        if (error->sqlerrcode == ERRCODE_QUERY_CANCELED) ReThrowError(error);
        message = pstrdup(error->message != nullptr ? error->message : "an error without a text");
        FreeErrorData(error);
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
    return message;
}

}  // namespace

bool apart(void (*work)(void*), void* argument) {
    return run_in_subtransaction(work, argument, false) == nullptr;
}

const char* attempt(void (*work)(void*), void* argument) {
    return run_in_subtransaction(work, argument, true);
}

}  // namespace cache_ext::pg
