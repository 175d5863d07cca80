// A finished load, and what becomes of it.
#pragma once

#include <cstdint>

#include "core/index.hpp"

namespace cache_ext::core {

struct Fill {
    CacheIndex cache = kNoCache;
    std::uint64_t cache_id = 0;
    KeyView key = {};
    const std::uint8_t* value = nullptr;
    std::uint32_t value_bytes = 0;
    // Not 0, and at most kMaxAmounts: the value is that many Amounts, and writers adjust it. Then
    // it is neither NULL nor packed, and `self` is 0.
    std::uint32_t amounts = 0;
    Groups groups = {};
    Seq account = 0;  // from open_account(), under the same snapshot; 0: publish() opens one
    bool is_null = false;
    bool packed = false;               // what the bytes are, is the caller's affair
    const Tag* tags = nullptr;         // beyond the full key and the whole cache; at most kMaxTags
    const bool* tag_is_key = nullptr;  // the tag is the full key of some entry; nullptr: none is
    const CacheIndex* tag_cache = nullptr;  // not kNoCache: the tag is that cache as a whole
    // Whose key the tag is, or a part of one; kNoCache: that is not known.
    const CacheIndex* tag_owner = nullptr;
    const bool* tag_ranged = nullptr;  // the entry depends on some instants of the tag only,
    const Span* tag_span = nullptr;    // which are these; nullptr: on all of every tag
    std::uint32_t tag_count = 0;
    Millis calculated_at = 0;
    Millis expires_at = kNever;
    std::uint32_t refresh_after = UINT32_MAX;  // ms after calculated_at
    bool early = false;                        // that is early_after(): reads ask by chance
    Period period = Period::always();
    std::uint32_t load_us = 0;
    Xid self = 0;          // counts as seen, see WriterRing::unseen_by
    bool put = false;      // somebody has given it: a load that has missed it is no newer
    bool replace = false;  // even an entry that is as good
    // Only in the place of that very entry, which a hazard names (name_entry), or of none. What
    // there is makes no difference otherwise: `replace` goes without saying.
    bool conditional = false;
    Ref instead_of = kNullRef;
    bool ahead = false;       // no read has missed it
    bool keep = false;        // also where it can only be served as an old value, or to f itself
    Millis refresh_from = 0;  // Origin::refresh_from
};

enum class PublishResult : std::uint8_t {
    kPublished,
    kSuperseded,     // an entry that was computed later is there already
    kOversized,      // more than the budget holds, or more than a quarter of the arena
    kNoMemory,       // nothing was left to evict
    kUnusable,       // the snapshot cannot judge the tags
    kUnseenWriters,  // it is blind to more writers than an entry remembers
    kOldUnusable,    // published as an old value, since kUnusable
    kOldUnseen,      // published as an old value, since kUnseenWriters
    kChanged,        // it was conditional, and the entry of the key is another one
    kNoCache         // the control block went to another cache meanwhile
};

}  // namespace cache_ext::core
