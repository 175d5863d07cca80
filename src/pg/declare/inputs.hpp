// What a new cache's loader depends on besides tables, said when it is declared.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// By the texts of its functions. ERROR 42P13 where one of them calls a VOLATILE function, so that
// no value would ever be cached, or asks for SESSION_USER, which the key does not tell; a NOTICE
// names the time, settings and the role.
void check_inputs(const Definition* definition);

}  // namespace cache_ext::pg
