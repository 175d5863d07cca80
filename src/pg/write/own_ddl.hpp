// What the DDL of this transaction means for its own reads, and for everybody when it commits.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// Has this transaction changed catalogs in a way that concerns values of the cache? Only meaningful
// in a transaction with an XID, with track_counts on. May run a subtransaction.
bool own_ddl_concerns(const Definition* definition);
bool own_ddl_concerns_anything();

// Before the commit. First what it means for the relations that are declared here (not if the
// definitions are not known), which is collected; then what concerns whole databases, registered
// with every control block there is.
void collect_ddl(bool definitions_known);
bool ddl_to_register();
bool ddl_concerns_here(uint64 cache);
void register_ddl(const core::Snapshot& now, bool preparing);
// Somebody runs DDL after that: an extension's own callback.
void register_late_ddl();

void subtransaction_aborted_for_ddl();
void forget_ddl();

}  // namespace cache_ext::pg
