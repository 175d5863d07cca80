// The statements of a function in SQL or PL/pgSQL, as the server reads them now: analysed, with
// views expanded and policies added.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/parsenodes.h"
}

namespace cache_ext::pg {

// Of Query*, all of them SELECT, for the current user and its search_path; what they read is
// locked. Parameters are the function's arguments, and beyond those variables. NIL: the function is
// none that can be read so: of another language, SECURITY DEFINER of another role, with settings of
// its own that may do more than choose names and formats, or it does more than SELECT, or what
// nobody knows before it runs. `call`: the expression that calls it, for functions of polymorphic
// arguments, or nullptr. `has_settings`: whether it has some; nullptr: it must not.
List* queries_of(Oid function, Node* call, bool* has_settings);
// Those that can be read, whatever it does besides.
List* queries_found_in(Oid function);

}  // namespace cache_ext::pg
