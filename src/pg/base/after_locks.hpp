// What is done once a transaction has released its locks, and so has sent its invalidation
// messages: transaction callbacks run before that.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// In this order.
enum class AfterLocks : uint8 {
    kControlBlocks,  // of dropped caches are released
    kWork,           // goes on for what was not dropped after all
    kDatabases,      // have workers again
    kNotices         // for the workers; the last one
};

// Calls `step` after this transaction, and after each one that follows; it must not raise an error.
// Most sessions have nothing for it, so nothing is called for them.
void call_after_locks(AfterLocks when, void (*step)());

}  // namespace cache_ext::pg
