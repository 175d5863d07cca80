// Values that this transaction has put (cache_put): its own until it commits, everybody's
// afterwards.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// Keeps a copy of the value until the transaction ends; `index` is the cache's control block.
void add_pending_put(const Definition* definition, core::CacheIndex index, const Key& key,
                     const uint8* value, uint32 size, bool is_null);

// This transaction has put something.
extern bool anything_put;
// What find_pending_put does if so.
bool search_pending_put(const Definition* definition, const Key& key, const uint8** value,
                        uint32* size, bool* is_null);
// The value this transaction has put for the key, if any; points into memory of the transaction.
inline bool find_pending_put(const Definition* definition, const Key& key, const uint8** value,
                             uint32* size, bool* is_null) {
    return anything_put && search_pending_put(definition, key, value, size, is_null);
}

// An invalidation by this transaction: its own earlier puts no longer count.
void drop_pending_puts(uint64 cache_id, const Key* key);
// The same for those that carry the tag, and for those whose key the filter accepts.
void drop_pending_puts_tagged(uint64 cache_id, core::Tag tag);
using KeyFilter = bool (*)(const uint8* key, void* context);
void drop_pending_puts_if(uint64 cache_id, KeyFilter filter, void* argument);

// Those that still count, newest first. `visit` may drop them.
void visit_pending_puts(void (*visit)(uint64 cache_id, const core::KeyView& key));

// After the commit of `self` (0: no XID); cannot fail.
void publish_pending_puts(core::Xid self);
void discard_pending_puts();
void subtransaction_ended_for_puts(int level, bool committed);

}  // namespace cache_ext::pg
