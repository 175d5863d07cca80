// The statements of a function in SQL or PL/pgSQL, as the server reads them now: analysed, with
// views expanded and policies added.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace cache_ext::pg {

// Of Query*, all of them SELECT, for the current user and its search_path; what they read is
// locked. NIL: the function is none that can be read so: of another language, SECURITY DEFINER of
// another role, with settings of its own, or it does more than SELECT, or what is not known before
// it runs. Parameters are the function's arguments, and beyond those variables. `call`: the
// expression that calls it, for functions of polymorphic arguments, or nullptr.
List* queries_of(Oid function, Node* call);
// Those that can be read. *complete: as above, that is all.
List* queries_found_in(Oid function, Node* call, bool* complete);

}  // namespace cache_ext::pg
