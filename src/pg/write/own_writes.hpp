// Has this transaction changed what a value may depend on? All ways of changing are asked: what was
// collected, PostgreSQL's counts of changed rows, DDL.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// What the value for `key` may depend on. Only meaningful in a transaction with an XID.
bool changed_by_this_transaction(const Definition* definition, const Key& key);
// What that is, in words; in the current memory context.
const char* what_was_changed(const Definition* definition, const Key& key);

// Anything that some cache depends on.
bool changed_something_cached();

}  // namespace cache_ext::pg
