#include "pg/load/gathering.hpp"

#include "pg/base/store_handle.hpp"

extern "C" {
#include "access/transam.h"
}

namespace cache_ext::pg {
namespace {

core::RelationKey gathering_key() {
    return core::relation_key(MyDatabaseId, InvalidOid);
}

core::Xid next_xid() {
    return U64FromFullTransactionId(ReadNextFullTransactionId());
}

}  // namespace

// A part of a key that consists of no column.
core::Tag any_key_tag(CacheId cache) {
    return part_tag(cache, 0, nullptr);
}

bool keys_are_gathered(core::CacheIndex cache) {
    core::TrackingCaches caches = store().tracking(gathering_key());
    for (core::CacheIndex i; (i = caches.next()) != core::kNoCache;) {
        if (i == cache) return true;
    }
    return false;
}

bool gather_keys(core::CacheIndex cache, uint64 id) {
    const core::RelationKey key = gathering_key();
    return store().is_tracked(key, cache) ||
           (store().announce(key, cache, id) && store().complete(key, cache, id, next_xid));
}

}  // namespace cache_ext::pg
