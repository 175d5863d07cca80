#include "pg/load/gathering.hpp"

#include "pg/base/store_handle.hpp"

extern "C" {
#include "access/transam.h"
#include "common/hashfn.h"
}

namespace cache_ext::pg {
namespace {

core::RelationKey gathering_key(Gathering by) {
    return core::relation_key(MyDatabaseId, static_cast<Oid>(by));
}

core::Xid next_xid() {
    return U64FromFullTransactionId(ReadNextFullTransactionId());
}

}  // namespace

// A part of a key that consists of no column.
core::Tag any_key_tag(CacheId cache) {
    return part_tag(cache, 0, nullptr);
}

core::Tag leading_tag(CacheId cache, uint64 column_hash) {
    const uint64 apart = hash_combine64(column_hash, 'l');
    return part_tag(cache, 1, &apart);
}

// By a dependency without the first column it is not known of which keys a change is.
core::Tag leading_tag_of(const Definition* d, const Key& key) {
    const bool told =
        d->columns > 1 && std::all_of(d->masks, d->masks + d->mask_count,
                                      [](ColumnMask mask) { return (mask & 1) != 0; });
    return told ? leading_tag(d->cache_id(), key.column_hash[0]) : kNoLeadingTag;
}

bool keys_are_gathered(Gathering by, core::CacheIndex cache) {
    core::TrackingCaches caches = store().tracking(gathering_key(by));
    for (core::CacheIndex i; (i = caches.next()) != core::kNoCache;) {
        if (i == cache) return true;
    }
    return false;
}

bool gather_keys(Gathering by, core::CacheIndex cache, uint64 id) {
    const core::RelationKey key = gathering_key(by);
    return store().is_tracked(key, cache) ||
           (store().announce(key, cache, id) && store().complete(key, cache, id, next_xid));
}

}  // namespace cache_ext::pg
