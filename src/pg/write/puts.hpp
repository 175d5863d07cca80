// Values that this transaction has put (cache_put): its own until it commits, everybody's
// afterwards.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// A value that was put. Its life begins with the commit.
struct PutValue {
    const uint8* bytes;
    uint32 size;
    bool is_null;
    int64 ttl_ms;  // -1: it never expires
    core::Period period;

    core::Millis expires_at(core::Millis from) const {
        return std::min(ttl_ms < 0 ? core::kNever : from + ttl_ms, period.end());
    }
};

// The tags of an entry that is put, beyond its own key and the whole cache.
struct PutTags {
    core::Tag tags[kMaxMasks];
    bool ranged[kMaxMasks];
    core::Span spans[kMaxMasks];
    uint32 count = 0;
};
void tags_of_put(const Definition* definition, const Key& key, PutTags* out);
// What is published of a put at `time`, in the place of whatever is there; it points to what it is
// given. The caller says whether the bytes are packed, and whose writes count as seen.
core::Fill fill_of_put(core::CacheIndex index, uint64 cache_id, const core::KeyView& key,
                       const PutValue& value, const PutTags& tags, core::Millis time);
// Do both snapshots see the same writers of what a value that is put depends on, this transaction
// apart?
bool agree_on_put(core::CacheIndex index, uint64 cache_id, const core::KeyView& key,
                  const PutTags& tags, const core::Snapshot& f, const core::Snapshot& s);
// Publishes and counts it.
core::PublishResult publish_put(const core::Fill& fill, const core::Snapshot& snapshot);

// Keeps a copy of the value until the transaction ends; `index` is the cache's control block.
void add_pending_put(const Definition* definition, core::CacheIndex index, const Key& key,
                     const PutValue& value);

// This transaction has put something.
extern bool anything_put;
// What find_pending_put does if so.
const PutValue* search_pending_put(const Definition* definition, const Key& key);
// The value this transaction has put for the key, in memory of the transaction; nullptr: none.
inline const PutValue* find_pending_put(const Definition* definition, const Key& key) {
    return anything_put ? search_pending_put(definition, key) : nullptr;
}

// An invalidation by this transaction: its own earlier puts no longer count.
void drop_pending_puts(uint64 cache_id, const Key* key);
// Something was put at once in their place: no rollback to a savepoint brings them back.
void forget_pending_puts(uint64 cache_id, const Key& key);
// As drop_pending_puts() for those that carry the tag, and for those whose key the filter accepts.
void drop_pending_puts_tagged(uint64 cache_id, core::Tag tag);
using KeyFilter = bool (*)(const uint8* key, void* context);
void drop_pending_puts_if(uint64 cache_id, KeyFilter filter, void* argument);

// Those that still count, newest first, with the tag of their first column (gathering.hpp), if the
// cache tells it.
using PutVisitor = void (*)(uint64 cache_id, const core::KeyView& key, core::Tag leading);
void visit_pending_puts(PutVisitor visit);

// They are due from now on (core/due_puts.hpp): those of caches with loaders, as values of other
// caches are made of none else.
void begin_due_puts();

// After the commit of `self` (0: no XID); cannot fail.
void publish_pending_puts(core::Xid self);
void discard_pending_puts();
void subtransaction_ended_for_puts(int level, bool committed);

}  // namespace cache_ext::pg
