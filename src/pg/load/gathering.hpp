// Caches of which some entry depends on more keys than it has room for: its loader read them one by
// one. Such an entry depends on a tag for any key of that cache instead, and whoever changes a key,
// or a part of them, registers for that, too. Nobody does so before it is needed.
//
// That it is needed is kept where tracked relations are (core/tracked.hpp), as a relation that no
// database has, and begins in the same two steps: whoever changes a key looks there before his
// commit; whoever had looked before it was announced cannot be missing in a snapshot that is served
// what rests on it, as the cache's own ring serves only those that see all transactions of then.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// The tag for any key of the cache.
core::Tag any_key_tag(CacheId cache);

// Do those who change keys of this cache register for any_key_tag() as well? To be asked by who has
// an XID. No lock.
bool keys_are_gathered(core::CacheIndex cache);

// From now on they do. False: there is no room to say so, or the cache is gone. Takes the lock of
// tracked relations.
bool gather_keys(core::CacheIndex cache, uint64 id);

}  // namespace cache_ext::pg
