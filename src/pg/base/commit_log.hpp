// How transactions have ended.
#pragma once

#include "core/account.hpp"
#include "core/snapshot.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Of a transaction that has ended. kUnknown: so long ago that nobody keeps it any more. May read a
// page of the commit log; call it without a lock of ours.
core::Outcome outcome_of(core::Xid xid);

}  // namespace cache_ext::pg
