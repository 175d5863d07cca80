// What keeps a key from being served from the cache, or a value for it from being published.
#pragma once

#include "core/block.hpp"
#include "core/index.hpp"
#include "core/judge.hpp"

namespace cache_ext::core {

struct Blame {
    Rule rule = Rule::kNone;
    Tag tag = 0;
    Xid xid = 0;
};

// The first ring that keeps the key from being served to s; where there is no entry, from being
// filled. *tags: those of the entry, none if there is no entry. No lock.
Blame blame(const Block& block, CacheIndex cache, const KeyView& key, const Snapshot& s,
            EntryTags* tags);
// The same for a new entry of the key, its own tag and the whole cache. No lock.
Blame blame_for_fill(const Block& block, CacheIndex cache, const KeyView& key, const Snapshot& f);

}  // namespace cache_ext::core
