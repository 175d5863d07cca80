// What a declaration rests on stays as it is until its transaction ends.
//
// Declarations wait for locks of tables, which others may hold for as long as they like. Whoever
// has waited may find that the cache of that name is another one now, or belongs to another role,
// and that the function that he has named has gone. So after the last wait, and before anything is
// written, he locks the row that he means, by its identity, and asks once more whether it is his.
// (Functions he locks when he names them: lock_function().)
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// Locks the row of the cache, and returns the cache as it is now. ERROR 42704 if it was dropped.
// SPI must be connected.
const Definition* lock_definition(const Definition* definition);
// The same; ERROR 42501 unless it is the current user's.
const Definition* lock_own_definition(const Definition* definition);

}  // namespace cache_ext::pg
