// Work whose errors are its own business: it is tried, and rolled back in any case, or if it
// failed.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Runs `work` in a subtransaction that is rolled back, which gives back what it has locked. What it
// finds out has to lie in memory that lives longer. False if it raised an error; a cancel goes on
// to the caller. For the middle of a statement; at the end of a transaction there is guarded().
bool apart(void (*work)(void*), void* argument);

template <class Work>
bool apart(Work work) {
    return apart([](void* w) { (*static_cast<Work*>(w))(); }, &work);
}

// The same, but what `work` has done stays, and so do its locks, unless it raised an error: then
// that one's message is returned, and nothing is left of the work. nullptr: it is done.
const char* attempt(void (*work)(void*), void* argument);

template <class Work>
const char* attempt(Work work) {
    return attempt([](void* w) { (*static_cast<Work*>(w))(); }, &work);
}

}  // namespace cache_ext::pg
