// Expressions that somebody gives as text.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/nodes.h"
}

namespace cache_ext::pg {

// What the parser takes for the expression; nullptr: the text is more than one, or something else
// beside it. So it can become part of a query. ERROR 42601 if it is none.
Node* one_expression(const char* text);

// An error at hand is about a place in the text, not in the statement that the client has sent. For
// the callbacks of error contexts.
void point_into(const char* text);

}  // namespace cache_ext::pg
