// What a loader may not do although its transaction is read-only: leave something behind in the
// session, use what the reader has open there, or write outside of tables. What it may do, but
// which makes its value good for this session only: ask for what no other session has.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Once, in _PG_init.
void install_loader_limits();

// Does it return what is the session's, or the statement's? No value that comes from calling it is
// ever published.
bool tells_of_session(Oid function);

// Before a run: what PL/pgSQL has kept in this transaction of expressions that a run may not use,
// or whose values are the session's, is made ready again, so that we are told.
void forget_kept_expressions();
// Is the expression that is being made ready one that PL/pgSQL keeps until the transaction ends?
bool is_kept_expression();
// Such a one must not be used by a run without our being told.
void note_kept_expression();
// At the beginning of a run: those that only ask for settings stay ready, so it may ask at any
// time.
void expect_kept_expressions();

}  // namespace cache_ext::pg
