// Values that this transaction has put (cache_put): its own until it commits, everybody's
// afterwards.
#pragma once

#include "pg/definitions.hpp"

namespace cache_ext::pg {

// Keeps a copy of the value until the transaction ends.
void add_pending_put(const Definition* definition, const Key& key, const uint8* value, uint32 size,
                     bool is_null);

// The value this transaction has put for the key, if any; points into memory of the transaction.
bool find_pending_put(const Definition* definition, const Key& key, const uint8** value,
                      uint32* size, bool* is_null);

// An invalidation by this transaction: its own earlier puts no longer count.
void drop_pending_puts(uint64 cache_id, const Key* key);

// After the commit of `self` (0: no XID); cannot fail.
void publish_pending_puts(core::Xid self);
void discard_pending_puts();
void subtransaction_ended_for_puts(int level, bool committed);

}  // namespace cache_ext::pg
