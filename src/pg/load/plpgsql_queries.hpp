// The queries that a function in PL/pgSQL may run, as the server analyses them now.
//
// PL/pgSQL's own compiler reads the body, and its own hooks say what a name in a query means: a
// variable or a column.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "access/htup.h"
#include "nodes/pg_list.h"
}

namespace cache_ext::pg {

// The analysed and rewritten queries (Query *) of all statements and expressions. A parameter of
// these is an argument of the function, under its number, if nothing in the body can assign it;
// any other variable has a number beyond the arguments'. *queries is incomplete where false is
// returned: for dynamic SQL, procedures, and records whose columns are not known before they run.
// Errors as for running the function: names that mean nothing, a body that cannot be read. Locks
// what it reads, as running it would.
// `everything`: also the expressions that are around dynamic SQL, as far as they can be read.
bool plpgsql_queries(Oid oid, List** queries, bool everything);

// Is the function, a row of pg_proc, in the server's own PL/pgSQL?
bool is_plpgsql(HeapTuple function);

}  // namespace cache_ext::pg
