// The tags of an entry beyond its key and the whole cache: those of the groups of keys that its
// cache's dependencies map, Definition::mask_count of them.
#pragma once

#include "pg/catalog/definition.hpp"

namespace cache_ext::pg {

// Is the group one of them, or one that needs no tag of its own?
bool has_group(const Definition* definition, ColumnMask mask, const Bounds& bounds);
// Which one of those; -1: none.
int find_mask(const Definition* definition, ColumnMask mask, const Bounds& bounds);
// The tag of a group of keys, or of some instants of it.
core::Tag group_tag(CacheId cache, ColumnMask mask, const Bounds& bounds,
                    const uint64* column_hash);
// That of group i, of the key with these hashes.
core::Tag group_tag(const Definition* definition, int i, const uint64* column_hash);
// The instants that matter to the key, if that is a ranged group.
core::Span group_span(const Definition* definition, int i, const Key& key);

}  // namespace cache_ext::pg
