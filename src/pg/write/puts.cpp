#include "pg/write/puts.hpp"

#include "pg/write/levels.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/group_tags.hpp"
#include "pg/load/gathering.hpp"
#include "pg/load/values.hpp"

extern "C" {
#include "utils/hsearch.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {

bool anything_put = false;

namespace {

struct PendingPut {
    PendingPut* next;   // older
    PendingPut* older;  // with the same hash of the key
    uint64 cache_id;
    core::CacheIndex index;
    int level;
    int dropped_at;  // level of the outermost subtransaction that dropped it, 0: none
    core::KeyView key;
    PutValue value;
    bool packed;
    bool loaded;        // of a cache with a loader
    bool due;           // has been counted as such
    core::Tag leading;  // kNoLeadingTag: the cache does not tell it
    PutTags tags;
    core::Snapshot snapshot;  // the value belongs to it, but for the transaction's own writes
};

MemoryContext context = nullptr;
PendingPut* newest = nullptr;

// The newest put of each key hash.
struct KeySlot {
    core::Tag hash;
    PendingPut* put;
};
HTAB* by_key = nullptr;

template <class T>
T* copy(const T* from, size_t count) {
    auto* to = static_cast<T*>(palloc(std::max<size_t>(1, count * sizeof(T))));
    if (count > 0) memcpy(static_cast<void*>(to), from, count * sizeof(T));
    return to;
}

void drop(PendingPut* p) {
    if (p->dropped_at == 0) p->dropped_at = GetCurrentTransactionNestLevel();
}

bool same_key(const core::KeyView& a, const core::KeyView& b) {
    return a.hash == b.hash && a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0;
}

// The newest put whose key has this hash.
PendingPut* with_hash(core::Tag hash) {
    if (newest == nullptr) return nullptr;
    auto* slot = static_cast<KeySlot*>(hash_search(by_key, &hash, HASH_FIND, nullptr));
    return slot != nullptr ? slot->put : nullptr;
}

// Has a later put of the same key taken its place?
bool superseded(const PendingPut* p) {
    for (const PendingPut* q = with_hash(p->key.hash); q != p; q = q->older) {
        if (q->dropped_at == 0 && q->cache_id == p->cache_id && same_key(q->key, p->key)) {
            return true;
        }
    }
    return false;
}

void begin() {
    if (context != nullptr) return;
    // Known only once it is complete: a savepoint may live on after an error in here.
    MemoryContext fresh =
        AllocSetContextCreate(TopTransactionContext, "cache_ext puts", ALLOCSET_DEFAULT_SIZES);
    HASHCTL info = {};
    info.keysize = sizeof(core::Tag);
    info.entrysize = sizeof(KeySlot);
    info.hcxt = fresh;
    by_key = hash_create("cache_ext puts", 64, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    context = fresh;
}

// Others may have committed since the value was put: as with an entry, the snapshot that it was
// made under and the reader's must agree on every writer of its tags.
bool still_holds(const PendingPut& p) {
    if (!ActiveSnapshotSet() || !IsMVCCSnapshot(GetActiveSnapshot())) return false;
    return agree_on_put(p.index, p.cache_id, p.key, p.tags, p.snapshot,
                        to_core(GetActiveSnapshot()));
}

}  // namespace

bool agree_on_put(core::CacheIndex index, uint64 cache_id, const core::KeyView& key,
                  const PutTags& tags, const core::Snapshot& f, const core::Snapshot& s) {
    const core::Xid self = U64FromFullTransactionId(GetTopFullTransactionIdIfAny());
    const core::Tag whole = whole_tag({MyDatabaseId, cache_id});
    bool agreed = store().agree({whole, core::TagKind::kWhole, false, index}, self, f, s) &&
                  store().agree({key.hash, core::TagKind::kKey, false, index}, self, f, s);
    for (uint32 i = 0; agreed && i < tags.count; ++i) {
        agreed = store().agree({tags.tags[i], core::TagKind::kPart, false, index}, self, f, s);
    }
    return agreed;
}

void tags_of_put(const Definition* d, const Key& key, PutTags* out) {
    out->count = 0;
    for (int i = 0; i < d->mask_count; ++i) {
        out->ranged[i] = d->bounds[i].any();
        if (out->ranged[i]) out->spans[i] = group_span(d, i, key);
        out->tags[out->count++] = group_tag(d, i, key.column_hash);
    }
}

core::Fill fill_of_put(core::CacheIndex index, uint64 cache_id, const core::KeyView& key,
                       const PutValue& value, const PutTags& tags, core::Millis time) {
    core::Fill fill;
    fill.cache = index;
    fill.cache_id = cache_id;
    fill.key = key;
    fill.value = value.bytes;
    fill.value_bytes = value.size;
    fill.is_null = value.is_null;
    fill.tags = tags.tags;
    fill.tag_ranged = tags.ranged;
    fill.tag_span = tags.spans;
    fill.tag_count = tags.count;
    fill.calculated_at = time;
    fill.expires_at = value.expires_at(time);
    fill.period = value.period;
    fill.put = true;
    fill.replace = true;
    return fill;
}

core::PublishResult publish_put(const core::Fill& fill, const core::Snapshot& snapshot) {
    core::store_relaxed(store().control(fill.cache)->has_puts, true);
    const core::PublishResult result = store().publish(fill, snapshot);
    if (result == core::PublishResult::kPublished) {
        store().control(fill.cache)->counters.add(stripe(), core::Counter::kFills);
    }
    return result;
}

void add_pending_put(const Definition* d, core::CacheIndex index, const Key& key,
                     const PutValue& value) {
    begin();
    MemoryContext old = MemoryContextSwitchTo(context);
    auto* put = static_cast<PendingPut*>(palloc0(sizeof(PendingPut)));
    put->cache_id = d->id;
    put->index = index;
    put->level = GetCurrentTransactionNestLevel();
    put->key = key.view;
    put->key.bytes = copy(key.view.bytes, key.view.size);
    put->value = value;
    put->value.bytes = copy(value.bytes, value.size);
    put->packed = !value.is_null && is_compressed(d, PointerGetDatum(value.bytes));
    put->loaded = d->loader_name != nullptr;
    put->leading = leading_tag_of(d, key);
    tags_of_put(d, key, &put->tags);
    put->snapshot = copy_to_core(GetActiveSnapshot());
    MemoryContextSwitchTo(old);
    bool found;
    auto* slot = static_cast<KeySlot*>(hash_search(by_key, &put->key.hash, HASH_ENTER, &found));
    put->older = found ? slot->put : nullptr;
    // One of the same level can never come back: whatever drops this one drops it, too.
    for (PendingPut* p = put->older; p != nullptr; p = p->older) {
        if (p->cache_id == d->id && p->level == put->level && same_key(p->key, put->key)) {
            p->dropped_at = 1;
        }
    }
    slot->put = put;
    put->next = newest;
    newest = put;
    anything_put = true;
}

const PutValue* search_pending_put(const Definition* d, const Key& key) {
    for (const PendingPut* p = with_hash(key.view.hash); p != nullptr; p = p->older) {
        if (p->dropped_at != 0 || p->cache_id != d->id || !same_key(p->key, key.view)) continue;
        return still_holds(*p) ? &p->value : nullptr;
    }
    return nullptr;
}

void drop_pending_puts(uint64 cache_id, const Key* key) {
    PendingPut* p = key != nullptr ? with_hash(key->view.hash) : newest;
    for (; p != nullptr; p = key != nullptr ? p->older : p->next) {
        if (p->cache_id == cache_id && (key == nullptr || same_key(p->key, key->view))) drop(p);
    }
}

void forget_pending_puts(uint64 cache_id, const Key& key) {
    for (PendingPut* p = with_hash(key.view.hash); p != nullptr; p = p->older) {
        if (p->cache_id == cache_id && same_key(p->key, key.view)) p->dropped_at = 1;
    }
}

void drop_pending_puts_tagged(uint64 cache_id, core::Tag tag) {
    for (PendingPut* p = newest; p != nullptr; p = p->next) {
        if (p->cache_id != cache_id) continue;
        core::Tag* end = p->tags.tags + p->tags.count;
        if (p->key.hash == tag || std::find(p->tags.tags, end, tag) != end) drop(p);
    }
}

void drop_pending_puts_if(uint64 cache_id, KeyFilter filter, void* argument) {
    for (PendingPut* p = newest; p != nullptr; p = p->next) {
        if (p->cache_id == cache_id && filter(p->key.bytes, argument)) drop(p);
    }
}

// The value was made after whatever this transaction had written before, so its own XID counts as
// seen.
void publish_pending_puts(core::Xid self) {
    const core::Millis time = now_ms();
    // In the order in which they were put: if there is no room for all, the last ones stay.
    PendingPut* oldest = nullptr;
    for (PendingPut *p = newest, *next; p != nullptr; p = next) {
        next = p->next;
        p->next = oldest;
        oldest = p;
    }
    newest = oldest;
    for (const PendingPut* p = oldest; p != nullptr; p = p->next) {
        if (p->dropped_at != 0 || p->index == core::kNoCache || superseded(p)) continue;
        // Nor is what it was to replace served any more: that was of the same time, or is newer.
        if (p->value.period.over(time)) continue;
        core::Fill fill = fill_of_put(p->index, p->cache_id, p->key, p->value, p->tags, time);
        fill.packed = p->packed;
        fill.self = self;
        publish_put(fill, p->snapshot);
    }
}

void visit_pending_puts(PutVisitor visit) {
    for (const PendingPut* p = newest; p != nullptr; p = p->next) {
        if (p->dropped_at == 0) visit(p->cache_id, p->key, p->leading);
    }
}

void begin_due_puts() {
    for (PendingPut* p = newest; p != nullptr; p = p->next) {
        if (p->dropped_at != 0 || !p->loaded) continue;
        store().begin_due_put(p->cache_id);
        p->due = true;
    }
}

void discard_pending_puts() {
    for (PendingPut* p = newest; p != nullptr; p = p->next) {
        if (p->due) store().end_due_put(p->cache_id);
    }
    anything_put = false;
    newest = nullptr;
    by_key = nullptr;
    context = nullptr;  // goes with the transaction's memory
}

void subtransaction_ended_for_puts(int level, bool committed) {
    for (PendingPut* p = newest; p != nullptr; p = p->next) {
        p->level = level_after(p->level, level, committed);
        p->dropped_at = p->level == 0 ? 1 : level_after(p->dropped_at, level, committed);
    }
}

}  // namespace cache_ext::pg
