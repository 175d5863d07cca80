// Work at the end of a transaction that runs nobody's code and waits for nobody, so that it needs
// no subtransaction (guarded.hpp is for all other).
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Runs `work` with a resource owner of its own, which is released in any case: what it has locked,
// opened and pinned is free again. What it finds out has to lie in memory that lives longer than a
// context of its own, in which it runs. False if it raised an error (a block that cannot be read,
// no memory, a lock that somebody else has), which is logged behind `failure` and swallowed.
//
// Interrupts are held, so cancels stay pending, and the work has to be short: whoever loops asks
// interrupt_arrived() and the clock. It may call no function of users, run no query, change no
// setting, take no lock that it would have to wait for, and read tables and indexes only.
bool contained(void (*work)(void*), void* argument, const char* failure);

// Within contained work: has a cancel, or the end of the session, been asked for since it began?
bool interrupt_arrived();

}  // namespace cache_ext::pg
