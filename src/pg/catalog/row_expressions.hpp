// Expressions over one row that are the same whoever computes them: of a value that is kept, what
// each writer adds to it is computed in his own session, with his settings and his rights.
//
// So they are made of the row's columns, constants, and built-in IMMUTABLE functions of plain
// values, and of no function that is IMMUTABLE by name and looks at a setting or a catalog after
// all. What is built in cannot be replaced while a transaction runs.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/primnodes.h"
}

namespace cache_ext::pg {

struct ExpressionFault {
    const char* why;  // nullptr: there is none
    const char* hint;
};

// Of an analysed expression, whose columns are of relation 1 of its query: `relation`.
ExpressionFault fault_of_row_expression(Node* expression, Oid relation);

}  // namespace cache_ext::pg
