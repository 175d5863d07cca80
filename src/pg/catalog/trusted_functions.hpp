// Functions that a cache trusts by name: its accessor, its loaders.
//
// Names are what a definition stores, as they survive dump and restore. But whoever may create in a
// schema can take a name that has become free, and would run as the cache's owner, or read what is
// cached. So a definition also remembers which functions these were, and whose.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

enum class Trusted : int { kAccessor, kLoader, kLoadMany, kLoadAll, kCount };
constexpr int kTrusted = static_cast<int>(Trusted::kCount);

struct TrustedFunction {
    Oid function;  // does not survive pg_upgrade
    Oid owner;     // does
};

struct TrustedFunctions {
    TrustedFunction of[kTrusted];

    TrustedFunction& operator[](Trusted t) { return of[static_cast<int>(t)]; }
    const TrustedFunction& operator[](Trusted t) const { return of[static_cast<int>(t)]; }
};

// Is this the function that was remembered: the very same one, whoever has been given it, or
// another one of the same owner?
bool is_remembered(Oid function, const TrustedFunction& remembered);
// May the function run as `owner`: is it the remembered one, or one of somebody who can act as
// `owner` anyway?
bool may_run_as(Oid function, const TrustedFunction& remembered, Oid owner);

// As the oid[] that a definition stores; and back: false if it is no such array.
Datum trusted_to_array(const TrustedFunctions& functions);
bool trusted_from_array(Datum array, TrustedFunctions* out);

}  // namespace cache_ext::pg
