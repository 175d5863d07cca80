#include "pg/write/changes.hpp"

#include "pg/load/gathering.hpp"
#include "pg/write/deltas.hpp"
#include "pg/write/levels.hpp"
#include "pg/write/puts.hpp"
#include "pg/write/registration.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/survivors.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

struct Change {
    core::Tag tag;
    uint64 cache;
    core::TagKind kind;
    bool hard;
    bool by_delta;      // of what is collected of it, it is known what it adds to the value
    int level;          // of the outermost subtransaction that holds it
    core::Span span;    // of a ranged tag: the hull of what has changed
    core::Tag leading;  // of the keys it is about; kNoLeadingTag: that is not known
    // The change of the same tag that an outer subtransaction holds, whose span is smaller; -1:
    // none.
    int outer;
};

struct ChangeSlot {
    core::Tag tag;
    int index;
};

// How many keys of a cache have been collected.
struct KeyCount {
    uint64 cache;
    int count;
};

// Of the transaction at hand; everything lies in its top memory context.
struct Transaction {
    MemoryContext context;  // nullptr: nothing collected yet
    Change* changes;
    int count;
    int capacity;
    HTAB* by_tag;      // ChangeSlot
    HTAB* key_counts;  // KeyCount
    bool committing;
    bool preparing;
    core::Tag gathered;  // for which of those in gathering.hpp it has registered last
    core::Tag gathered_leading;
};

Transaction now = {};

void prepare() {
    if (now.context != nullptr) return;
    // Known only once it is complete: a savepoint may live on after an error in here.
    MemoryContext context =
        AllocSetContextCreate(TopTransactionContext, "cache_ext changes", ALLOCSET_SMALL_SIZES);
    const int capacity = 64;
    auto* changes =
        static_cast<Change*>(MemoryContextAllocZero(context, sizeof(Change) * capacity));
    HASHCTL info = {};
    info.keysize = sizeof(core::Tag);
    info.entrysize = sizeof(ChangeSlot);
    info.hcxt = context;
    HTAB* by_tag =
        hash_create("cache_ext changes", 256, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    info.keysize = sizeof(uint64);
    info.entrysize = sizeof(KeyCount);
    now.key_counts =
        hash_create("cache_ext key counts", 16, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    now.by_tag = by_tag;
    now.changes = changes;
    now.capacity = capacity;
    now.context = context;
}

CacheId cache_id(uint64 id) {
    return {MyDatabaseId, id};
}

// Once for each cache, or first column: keys of one come together, as a rule.
void register_once(core::Tag tag, core::TagKind kind, core::CacheIndex index, core::Tag* last,
                   const core::Snapshot& now_snapshot) {
    if (*last == tag) return;
    register_with({tag, kind, false, index}, own_xid(), now_snapshot);
    *last = tag;
}

// For those entries of other caches that do not tell the keys apart. The XID was asked before the
// look.
void register_gathered(const Change& change, core::CacheIndex index,
                       const core::Snapshot& now_snapshot) {
    if (keys_are_gathered(Gathering::kAny, index)) {
        register_once(any_key_tag(cache_id(change.cache)), core::TagKind::kPart, index,
                      &now.gathered, now_snapshot);
    }
    if (!keys_are_gathered(Gathering::kLeading, index)) return;
    // Of which keys this is may not be known: then it concerns all.
    const bool known = change.leading != kNoLeadingTag;
    register_once(known ? change.leading : whole_tag(cache_id(change.cache)),
                  known ? core::TagKind::kPart : core::TagKind::kWhole, index,
                  &now.gathered_leading, now_snapshot);
}

void register_change(const Change& change, const core::Snapshot& now_snapshot) {
    const core::CacheIndex index = control_block_of(change.cache);
    core::WrittenTag written = {change.tag, change.kind, change.hard, index};
    // A cache without a control block has no entries; its keys' rings remember the writer all the
    // same, and a control block that is made later distrusts what came before (attach).
    if (change.kind == core::TagKind::kWhole && index == core::kNoCache) return;
    // The compiler expects amounts at multiples of 16: not in what palloc gives.
    static KnownDelta known;
    core::KeyDelta delta;
    if (change.by_delta && index != core::kNoCache && find_delta(change.tag, &known)) {
        delta = {index,
                 {change.tag, known.key, known.key_size},
                 known.amounts,
                 static_cast<uint32>(known.count),
                 known.groups};
        written.delta = &delta;
    }
    written.span = change.span;
    const bool spurious = register_with(written, own_xid(), now_snapshot);
    if (change.kind != core::TagKind::kWhole && index != core::kNoCache) {
        register_gathered(change, index, now_snapshot);
    }
    // What is adjusted is not invalidated.
    if (index == core::kNoCache || !settings.track || written.delta != nullptr) return;
    core::Counters& counters = store().control(index)->counters;
    counters.add(stripe(), core::Counter::kInvalidations);
    if (spurious) counters.add(stripe(), core::Counter::kSpurious);
}

// What this transaction has put before it changed what the value depends on.
void drop_outdated_puts(core::Tag tag, uint64 cache, core::TagKind kind) {
    if (kind == core::TagKind::kWhole) {
        drop_pending_puts(cache, nullptr);
    } else {
        drop_pending_puts_tagged(cache, tag);
    }
}

// Adds to a change that is there already. False: it is one of an outer subtransaction, and would
// not be what it was if this one is rolled back.
bool extend_change(Change* change, bool hard, bool by_delta, const core::Span& span) {
    change->hard |= hard;
    change->by_delta &= by_delta;
    if (change->span.covers(span)) return true;
    if (change->level != GetCurrentTransactionNestLevel()) return false;
    change->span = change->span.hull(span);
    return true;
}

void note_change(core::Tag tag, uint64 cache, core::TagKind kind, bool hard, core::Tag leading,
                 bool by_delta = false, const core::Span& span = {}) {
    if (now.committing) {
        const Change change = {tag, cache, kind, hard, false, 1, span, leading, -1};
        if (hard && now.preparing) mark_hard_survivor(MyDatabaseId, cache);
        register_change(change, to_core(GetLatestSnapshot()));
        return;
    }
    prepare();
    // Room first: a place that an error leaves empty must not be on the index.
    if (now.count == now.capacity) {
        now.changes = static_cast<Change*>(
            repalloc_huge(now.changes, sizeof(Change) * 2 * static_cast<size_t>(now.capacity)));
        now.capacity *= 2;
    }
    bool found;
    auto* slot = static_cast<ChangeSlot*>(hash_search(now.by_tag, &tag, HASH_ENTER, &found));
    if (found && extend_change(&now.changes[slot->index], hard, by_delta, span)) return;
    const int outer = found ? slot->index : -1;
    const core::Span all = found ? now.changes[outer].span.hull(span) : span;
    slot->index = now.count;
    now.changes[now.count++] = {
        tag, cache, kind, hard, by_delta, GetCurrentTransactionNestLevel(), all, leading, outer};
}

void add_change(core::Tag tag, uint64 cache, core::TagKind kind, bool hard, core::Tag leading,
                bool by_delta = false, const core::Span& span = {}) {
    drop_outdated_puts(tag, cache, kind);
    note_change(tag, cache, kind, hard, leading, by_delta, span);
}

// nullptr: it has not been collected.
Change* change_of(core::Tag tag) {
    if (now.count == 0) return nullptr;
    auto* slot = static_cast<ChangeSlot*>(hash_search(now.by_tag, &tag, HASH_FIND, nullptr));
    return slot != nullptr ? &now.changes[slot->index] : nullptr;
}

bool collected_tag(core::Tag tag) {
    return change_of(tag) != nullptr;
}

// One more key of the cache. False: it is one too many, so the whole cache is to be collected.
bool count_key(uint64 cache) {
    prepare();
    bool found;
    auto* counted = static_cast<KeyCount*>(hash_search(now.key_counts, &cache, HASH_ENTER, &found));
    if (!found) counted->count = 0;
    if (counted->count >= settings.max_transaction_tags) return false;
    ++counted->count;
    return true;
}

// The same; then it is collected.
bool count_key_or_collect_whole(uint64 cache) {
    const bool counted = count_key(cache);
    if (!counted) collect_whole(cache, false);
    return counted;
}

// What is rolled back leaves room for other keys.
void uncount_key(const Change& change) {
    if (change.kind == core::TagKind::kWhole) return;
    auto* counted =
        static_cast<KeyCount*>(hash_search(now.key_counts, &change.cache, HASH_FIND, nullptr));
    if (counted != nullptr && counted->count > 0) --counted->count;
}

// Of changed keys of which these columns are known.
core::Tag leading_of(const Definition* d, ColumnMask mask, const uint64* column_hash) {
    return d->columns > 1 && (mask & 1) != 0 ? leading_tag(d->cache_id(), column_hash[0])
                                             : kNoLeadingTag;
}

}  // namespace

void collect_change(const Definition* d, ColumnMask mask, const uint64* column_hash) {
    if (mask == 0) {
        collect_whole(d->id, false);
        return;
    }
    const bool key = d->full_mask(mask);
    const core::Tag tag = key ? key_tag(d->cache_id(), d->columns, column_hash)
                              : part_tag(d->cache_id(), mask, column_hash);
    if (Change* change = change_of(tag)) {
        change->by_delta = false;
        drop_outdated_puts(tag, d->id, core::TagKind::kKey);
    } else if (count_key_or_collect_whole(d->id)) {
        add_change(tag, d->id, key ? core::TagKind::kKey : core::TagKind::kPart, false,
                   leading_of(d, mask, column_hash));
    }
}

void collect_delta(const Definition* d, const Key& key, const core::Amount* amounts, int count,
                   core::Groups groups) {
    // What the cache has been told of is known by its tag only, from now on.
    const core::Tag leading = leading_of(d, 1, key.column_hash);
    if (now.committing) {
        add_change(key.view.hash, d->id, core::TagKind::kKey, false, leading);
        return;
    }
    if (!collected_tag(key.view.hash)) {
        if (!count_key_or_collect_whole(d->id)) return;
        add_change(key.view.hash, d->id, core::TagKind::kKey, false, leading, true);
    }
    add_delta(key, amounts, count, groups);
}

void collect_instant(const Definition* d, ColumnMask mask, const Bounds& bounds,
                     const uint64* column_hash, const core::Span& span) {
    const core::Tag tag = group_tag(d->cache_id(), mask, bounds, column_hash);
    if (collected_tag(tag) || count_key_or_collect_whole(d->id)) {
        add_change(tag, d->id, core::TagKind::kPart, false, leading_of(d, mask, column_hash), false,
                   span);
    }
}

void collect_put(uint64 id, const core::KeyView& key, core::Tag leading) {
    GetTopTransactionId();
    const bool known = key.size > 0 && (collected_tag(key.hash) || count_key(id));
    note_change(known ? key.hash : whole_tag(cache_id(id)), id,
                known ? core::TagKind::kKey : core::TagKind::kWhole, false, leading);
}

void collect_whole(uint64 id, bool hard) {
    GetTopTransactionId();
    add_change(whole_tag(cache_id(id)), id, core::TagKind::kWhole, hard, kNoLeadingTag);
}

bool collected_for(const Definition* d, const Key& key) {
    if (now.count == 0) return false;
    if (collected_tag(key.view.hash) || collected_tag(whole_tag(d->cache_id()))) return true;
    for (int i = 0; i < d->mask_count; ++i) {
        // Whatever instants that was about: where a table has been changed, all keys bypass.
        if (collected_tag(group_tag(d, i, key.column_hash))) return true;
    }
    return false;
}

bool collected_key(const Key& key) {
    return collected_tag(key.view.hash);
}

bool collected_whole(uint64 id) {
    return collected_tag(whole_tag(cache_id(id)));
}

bool collected_of(uint64 id) {
    return std::any_of(now.changes, now.changes + now.count,
                       [&](const Change& change) { return change.cache == id; });
}

bool anything_collected() {
    return now.count > 0;
}

// Over a restart nothing but locks tells of which caches a prepared transaction is a hard writer.
void mark_hard_changes() {
    constexpr int kMaxMarks = 16;
    const auto hard = [](const Change& change) { return change.hard; };
    if (std::count_if(now.changes, now.changes + now.count, hard) > kMaxMarks) {
        mark_hard_survivor(MyDatabaseId, 0);
        return;
    }
    for (int i = 0; i < now.count; ++i) {
        if (now.changes[i].hard) mark_hard_survivor(MyDatabaseId, now.changes[i].cache);
    }
}

void register_collected(const core::Snapshot& snapshot) {
    for (int i = 0; i < now.count; ++i) register_change(now.changes[i], snapshot);
}

void begin_preparing() {
    now.preparing = true;
}

void register_from_now_on() {
    now.committing = store_ready();
}

bool committing() {
    return now.committing;
}

void forget_changes() {
    forget_deltas();
    if (now.context != nullptr) MemoryContextDelete(now.context);
    now = Transaction{};
}

void subtransaction_ended_for_changes(int level, bool committed) {
    subtransaction_ended_for_deltas(level, committed);
    const auto place_of = [](const Change& change) {
        return static_cast<ChangeSlot*>(hash_search(now.by_tag, &change.tag, HASH_FIND, nullptr));
    };
    int first = now.count;  // of the subtransaction's own
    while (first > 0 && now.changes[first - 1].level >= level) --first;
    now.count = notes_left(now.changes, now.count, level, committed, [&](const Change& change) {
        if (change.outer >= 0) {
            place_of(change)->index = change.outer;
            return;
        }
        hash_search(now.by_tag, &change.tag, HASH_REMOVE, nullptr);
        uncount_key(change);
    });
    if (!committed) return;
    // What it has added to changes of its parent is theirs now. Those lie below its own.
    int left = first;
    for (int i = first; i < now.count; ++i) {
        const Change& change = now.changes[i];
        Change* outer = change.outer >= 0 ? &now.changes[change.outer] : nullptr;
        if (outer != nullptr && outer->level == change.level) {
            outer->span = change.span;
            place_of(change)->index = change.outer;
            continue;
        }
        if (left != i) {
            now.changes[left] = change;
            place_of(change)->index = left;
        }
        ++left;
    }
    now.count = left;
}

}  // namespace cache_ext::pg
