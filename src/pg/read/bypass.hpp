// Why a read runs the loader although the cache might have had the value.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// Why a read of this cache by this transaction, now, would not look into the cache; kNone: it
// would.
core::Bypass bypass_reason(const Definition* definition, const Key& key);

// Has this transaction changed something that some cache depends on?
bool own_write_anywhere();
// May this transaction not be served an entry with these tags, because it depends on other caches,
// too, and something that caches depend on was changed here? What bypass_reason knows of is the
// cache itself only.
inline bool own_write_below(const Definition* d, const core::EntryTags& tags) {
    // Of its own it has one per mask, the key's and the whole cache's.
    return tags.count > static_cast<uint32>(d->mask_count) + 2 && own_write_anywhere();
}

// ERROR 25001, 25006 or 55000 unless this transaction can publish values; `what` is the function's
// name.
void require_publishing(const Definition* definition, const char* what);

// Because of a dependency that does not stand any more; kNone: none, as far as it was looked at.
core::Bypass bypass_for_lapse(const Definition* definition);

}  // namespace cache_ext::pg
