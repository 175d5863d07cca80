// What a new cache's loader depends on besides tables, said when it is declared.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// By the texts of its functions. ERROR 42P13 where one of them calls a VOLATILE function, or one
// that tells of the session, so that no value would ever be cached; or asks for a setting or
// SESSION_USER, of which neither the key tells nor the cache says that it is the same for all. A
// NOTICE names the time, other settings and the role.
void check_inputs(const Definition* definition);

}  // namespace cache_ext::pg
