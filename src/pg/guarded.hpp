// Work at the end of a transaction that must not cost the user the commit.
#pragma once

namespace cache_ext::pg {

// Runs `work` in a subtransaction of its own. False if it raised an error, which is logged behind
// `failure` and swallowed.
bool guarded(void (*work)(void*), void* argument, const char* failure);

}  // namespace cache_ext::pg
