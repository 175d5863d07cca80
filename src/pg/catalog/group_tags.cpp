#include "pg/catalog/group_tags.hpp"

namespace cache_ext::pg {

bool has_group(const Definition* d, ColumnMask mask, const Bounds& bounds) {
    if (!bounds.any() && (mask == 0 || d->full_mask(mask))) return true;
    return find_mask(d, mask, bounds) >= 0;
}

int find_mask(const Definition* d, ColumnMask mask, const Bounds& bounds) {
    for (int i = 0; i < d->mask_count; ++i) {
        if (d->masks[i] == mask && d->bounds[i] == bounds) return i;
    }
    return -1;
}

core::Tag group_tag(CacheId cache, ColumnMask mask, const Bounds& bounds,
                    const uint64* column_hash) {
    const core::Tag tag = part_tag(cache, mask, column_hash);
    return bounds.any() ? ranged_tag(tag, bounds.number()) : tag;
}

core::Tag group_tag(const Definition* d, int i, const uint64* column_hash) {
    return group_tag(d->cache_id(), d->masks[i], d->bounds[i], column_hash);
}

core::Span group_span(const Definition* d, int i, const Key& key) {
    Datum values[kMaxKeyColumns];
    bool nulls[kMaxKeyColumns];
    decode_key(key.view.bytes, d->columns, d->key_types, values, nulls);
    return span_between(d->bounds[i], d->key_types, values, nulls);
}

}  // namespace cache_ext::pg
