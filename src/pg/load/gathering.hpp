// Caches of which some entry depends on more keys than it has room for: its loader read them one by
// one. Such an entry depends on one tag instead, for all keys of that cache that have the same
// first column, or for any key of it; whoever changes a key, or a part of them, registers for that,
// too. Nobody does so before it is needed.
//
// That it is needed is kept where tracked relations are (core/tracked.hpp), as relations that no
// database has, and begins in the same two steps: whoever changes a key looks there before his
// commit; whoever had looked before it was announced cannot be missing in a snapshot that is served
// what rests on it, as the cache's own ring serves only those that see all transactions of then.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// By what keys of a cache are gathered. The numbers are those of relations that do not exist.
enum class Gathering : Oid { kAny = InvalidOid, kLeading = 1 };

inline bool is_gathering(Oid relation) {
    return relation <= static_cast<Oid>(Gathering::kLeading);
}

// What leading_tag() never is.
inline constexpr core::Tag kNoLeadingTag = 0;

// The tag for any key of the cache.
core::Tag any_key_tag(CacheId cache);
// The tag for all keys whose first column has this hash. No dependency's: entries of the cache
// itself do not carry it, and stay when another of these keys changes.
core::Tag leading_tag(CacheId cache, uint64 column_hash);
// That of this key; kNoLeadingTag: changes of this cache's keys cannot be told apart by their first
// column, or that is all of the key.
core::Tag leading_tag_of(const Definition* definition, const Key& key);

// Do those who change keys of this cache register for such a tag as well? To be asked by who has an
// XID. No lock.
bool keys_are_gathered(Gathering by, core::CacheIndex cache);

// From now on they do. False: there is no room to say so, or the cache is gone. Takes the lock of
// tracked relations.
bool gather_keys(Gathering by, core::CacheIndex cache, uint64 id);

}  // namespace cache_ext::pg
