// What a loader may not do although its transaction is read-only: leave something behind in the
// session, use what the reader has open there, or write outside of tables. What it may do, but
// which makes its value good for this session only: ask for what no other session has.
#pragma once

namespace cache_ext::pg {

// Once, in _PG_init.
void install_loader_limits();

// May a run of this transaction have called a function that tells of the session without our having
// been told? Runs at hand are marked when we are.
bool may_tell_of_session();

}  // namespace cache_ext::pg
