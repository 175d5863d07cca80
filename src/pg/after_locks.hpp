// What is done once a transaction has released its locks, and so has sent its invalidation
// messages: transaction callbacks run before that.
#pragma once

namespace cache_ext::pg {

// This transaction has something for it. Most have not, so nothing is called for them.
void call_after_locks();

}  // namespace cache_ext::pg
