// What cache_invalidate_on says of instants: instant, since, until and bounds, its arguments from
// the fifth on.
#pragma once

#include "pg/catalog/definition.hpp"

extern "C" {
#include "fmgr.h"
#include "utils/array.h"
}

namespace cache_ext::pg {

// Is any of the first three there?
bool says_instant(FunctionCallInfo fcinfo);
// The key columns that they name. ERROR 22023 if they do not say all of it, 42703 for names that
// mean nothing, 42804 unless the relation's column can lie between those.
Bounds named_bounds(FunctionCallInfo fcinfo, const Definition* definition, Oid relation);
// The key, with the column of the instant where the bounds are: `key` may leave these out.
// ERROR 22023 if it maps one of them itself.
ArrayType* with_instant(FunctionCallInfo fcinfo, const Definition* definition, ArrayType* key,
                        const Bounds& bounds);
// ERROR 0A000.
[[noreturn]] void no_expressions_with_instant();

}  // namespace cache_ext::pg
