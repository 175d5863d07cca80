// Work at the end of a transaction that must not cost the user the commit.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Runs `work` in a subtransaction that is rolled back in any case: what it locked is free again,
// also where a prepared transaction would have kept it. What it finds out has to lie in memory that
// lives longer. False if it raised an error, which is logged behind `failure` and swallowed.
//
// A wait for a lock ends with an error after a millisecond, the least that lock_timeout can be; use
// lock_without_waiting() for what is known to be needed. So does the work itself after timeout_ms
// (0: never). A cancel that arrives meanwhile, from whomever, ends the work, and is the
// transaction's again afterwards.
bool guarded(void (*work)(void*), void* argument, const char* failure, int timeout_ms = 0);

// Logs the error that was caught, behind `failure`, and forgets it.
void swallow_error(const char* failure);

// ERROR 55P03 if somebody holds a lock that a reader of it would have to wait for. The lock is held
// until the resource owner at hand is released.
void lock_alone_without_waiting(Oid relation);
// ERROR 55P03 if somebody holds a lock that a reader of the relation or of its indexes would have
// to wait for; else they can be read until the end of the (sub)transaction. A relation that has
// gone is left to who reads it.
void lock_without_waiting(Oid relation);

}  // namespace cache_ext::pg
