#include "pg/read.hpp"

#include "pg/changes.hpp"
#include "pg/puts.hpp"
#include "pg/settings.hpp"
#include "pg/shared.hpp"
#include "pg/tasks.hpp"

extern "C" {
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

using core::Bypass;
using core::Counter;

Load* innermost = nullptr;

// The value being loaded depends on something that tags cannot express.
void spoil_outer() {
    if (innermost != nullptr) innermost->publishable = false;
}

void add_tag(Load* load, core::Tag tag, bool is_key, core::CacheIndex cache) {
    core::EntryTags& all = load->tags;
    for (uint32 i = 0; i < all.count; ++i) {
        if (all.tag[i] == tag) return;
    }
    if (all.count == core::kMaxTags) {
        load->publishable = false;
        return;
    }
    all.tag[all.count] = tag;
    all.is_key[all.count] = is_key;
    all.cache[all.count++] = cache;
}

void add_to_outer(const core::EntryTags& tags, core::Millis expires_at) {
    if (innermost == nullptr) return;
    innermost->expires_at = std::min(innermost->expires_at, expires_at);
    for (uint32 i = 0; i < tags.count; ++i) {
        add_tag(innermost, tags.tag[i], tags.is_key[i], tags.cache[i]);
    }
}

// A loader that reads under another snapshot than its own caller's: not for the outer entry.
void check_outer_snapshot(const core::Snapshot& s) {
    if (innermost != nullptr &&
        (innermost->snapshot->xmin != s.xmin || innermost->snapshot->xmax != s.xmax ||
         innermost->snapshot->running_count != s.running_count)) {
        innermost->publishable = false;
    }
}

void warn_not_preloaded() {
    static bool warned = false;
    if (warned) return;
    warned = true;
    ereport(WARNING, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                      errmsg("cache_ext is not preloaded, so nothing is cached"),
                      errhint("Add this line to postgresql.conf and restart the server: "
                              "shared_preload_libraries = 'cache_ext'")));
}

// Reasons that need neither key nor snapshot; kCount: none.
Bypass bypass_for_session() {
    if (!shared_ready()) return Bypass::kNotPreloaded;
    if (!settings.enabled) return Bypass::kDisabled;
    if (RecoveryInProgress()) return Bypass::kRecovery;
    if (IsolationIsSerializable()) return Bypass::kSerializable;
    if (!ActiveSnapshotSet() || !IsMVCCSnapshot(GetActiveSnapshot()) ||
        GetActiveSnapshot()->takenDuringRecovery) {
        return Bypass::kSnapshotKind;
    }
    if (committing()) return Bypass::kCommitting;
    return Bypass::kCount;
}

void count(const Definition* d, Counter counter, uint64 n = 1) {
    if (settings.track && shared_ready() && d->index != core::kNoCache) {
        store().control(d->index)->counters.add(stripe(), counter, n);
    }
}

void count_bypass(const Definition* d, Bypass reason) {
    // In recovery no control block is made: it could not know the primary's prepared transactions.
    if (!settings.track || !shared_ready() || RecoveryInProgress()) return;
    if (control_block(d) == core::kNoCache) return;
    store().control(d->index)->counters.bypassed(stripe(), reason);
}

Bypass reason_of(core::PublishResult result) {
    switch (result) {
        case core::PublishResult::kOversized:
            return Bypass::kOversized;
        case core::PublishResult::kNoMemory:
            return Bypass::kNoMemory;
        case core::PublishResult::kUnusable:
            return Bypass::kOldSnapshot;
        case core::PublishResult::kUnseenWriters:
            return Bypass::kUnseenWriters;
        case core::PublishResult::kNoCache:
            return Bypass::kNoControlBlock;
        case core::PublishResult::kPublished:
        case core::PublishResult::kSuperseded:
            break;
    }
    return Bypass::kCount;
}

// now() as the loader saw it: what it computed was right then, so its time to live begins there.
core::Millis transaction_now() {
    return transaction_start_ms();
}

core::Millis expiry(const Definition* d, core::Millis calculated_at) {
    return d->ttl_ms < 0 ? core::kNever : calculated_at + d->ttl_ms;
}

Bypass publish(const Definition* d, const Key& key, const Loaded& loaded, const Load& load,
               const core::Snapshot& snapshot, ReadResult* result) {
    if (!load.publishable) return Bypass::kNested;
    if (TransactionIdIsValid(GetTopTransactionIdIfAny())) return Bypass::kTransactionWrote;
    if (now_ms() >= result->expires_at) return Bypass::kExpiredAtOnce;
    ValueBytes bytes;
    value_bytes(d, loaded.value, loaded.is_null, &bytes);
    core::Fill fill;
    fill.cache = d->index;
    fill.cache_id = d->id;
    fill.key = key.view;
    fill.value = bytes.data;
    fill.value_bytes = bytes.size;
    fill.is_null = loaded.is_null;
    fill.tags = load.tags.tag;
    fill.tag_is_key = load.tags.is_key;
    fill.tag_cache = load.tags.cache;
    fill.tag_count = load.tags.count;
    fill.calculated_at = result->calculated_at;
    fill.expires_at = result->expires_at;
    fill.refresh_after = d->refresh_after_ms;
    fill.load_us = loaded.load_us;
    const core::PublishResult published = store().publish(fill, snapshot);
    result->published = published == core::PublishResult::kPublished ||
                        published == core::PublishResult::kSuperseded;
    if (published == core::PublishResult::kOversized) count(d, Counter::kOversized);
    return reason_of(published);
}

ReadResult load_only(const ReadRequest& request) {
    ReadResult result = not_published();
    if (request.definition->loader_name == nullptr) {
        result.source = Source::kNothing;
        return result;
    }
    const Loaded loaded = run_loader(request.definition, request.arguments, request.nulls);
    result.value = loaded.value;
    result.is_null = loaded.is_null;
    return result;
}

// Looks the key up until the buffer is large enough.
core::Found serve(const Definition* d, const Key& key, const core::Snapshot& snapshot,
                  const ReadRequest& request, core::EntryTags* tags, ReadResult* result) {
    const bool needs_tags =
        innermost != nullptr || TransactionIdIsValid(GetTopTransactionIdIfAny());
    static uint32 uses = 0;
    const core::Detail detail =
        ++uses % core::kHitSample == 0 ? core::Detail::kServe : core::Detail::kServeQuietly;
    uint64 by_value = 0;
    uint32 room = d->value_by_value ? sizeof(by_value) : std::max<uint32>(request.size_hint, 64);
    for (;;) {
        auto* buffer = d->value_by_value ? reinterpret_cast<uint8*>(&by_value)
                                         : static_cast<uint8*>(palloc(room));
        const core::Found found = store().lookup(d->index, key.view, snapshot, buffer, room, detail,
                                                 needs_tags ? tags : nullptr);
        if (found.result == core::LookupResult::kHit) {
            result->is_null = found.is_null;
            result->value =
                d->value_by_value ? static_cast<Datum>(by_value) : PointerGetDatum(buffer);
            result->value_bytes = found.value_bytes;
            result->calculated_at = found.calculated_at;
            result->expires_at = found.expires_at;
            result->source = Source::kCache;
            add_to_outer(*tags, found.expires_at);
            return found;
        }
        if (!d->value_by_value) pfree(buffer);
        if (found.result != core::LookupResult::kTooSmall) return found;
        room = found.value_bytes;
    }
}

}  // namespace

ReadResult not_published() {
    spoil_outer();
    return {0, true, Source::kLoader, false, 0, transaction_now(), 0};
}

void value_bytes(const Definition* d, Datum value, bool is_null, ValueBytes* out) {
    out->by_value = 0;
    out->data = reinterpret_cast<const uint8*>(&out->by_value);
    out->size = 0;
    if (is_null) return;
    if (d->value_by_value) {
        out->by_value = value;
        out->size = sizeof(out->by_value);
        return;
    }
    out->data = reinterpret_cast<const uint8*>(DatumGetPointer(value));
    if (d->value_length == -1) {
        out->size = static_cast<uint32>(VARSIZE_ANY(DatumGetPointer(value)));
    } else if (d->value_length == -2) {
        out->size = static_cast<uint32>(strlen(DatumGetCString(value)) + 1);
    } else {
        out->size = static_cast<uint32>(d->value_length);
    }
}

Datum value_from_bytes(const Definition* d, const uint8* data, uint32 size) {
    if (d->value_by_value) {
        uint64 by_value;
        memcpy(&by_value, data, sizeof(by_value));
        return static_cast<Datum>(by_value);
    }
    void* copy = palloc(std::max<uint32>(size, 1));
    memcpy(copy, data, size);
    return PointerGetDatum(copy);
}

Bypass bypass_reason(const Definition* d, const Key& key) {
    Bypass reason = bypass_for_session();
    if (reason == Bypass::kCount && TransactionIdIsValid(GetTopTransactionIdIfAny()) &&
        changed_by_this_transaction(d, key)) {
        reason = Bypass::kOwnWrite;
    }
    if (reason == Bypass::kCount && d->loader_volatile) reason = Bypass::kVolatileLoader;
    if (reason == Bypass::kCount && d->relation_lost) reason = Bypass::kLostRelation;
    return reason;
}

bool own_write_below(const Definition* d, const core::EntryTags& tags) {
    // Of its own it has one per mask, the key's and the whole cache's.
    return tags.count > static_cast<uint32>(d->mask_count) + 2 &&
           TransactionIdIsValid(GetTopTransactionIdIfAny()) && changed_something_cached();
}

namespace {

// A commit becomes visible before its invalidation messages are sent, and its locks go after them.
// Have all hard writers that the snapshot sees come that far?
bool messages_sent(core::CacheIndex index, const core::Snapshot& snapshot) {
    core::Xid hard[core::kMaxHard];
    uint32 n;
    if (!store().hard_writers(index, hard, &n)) return false;
    for (uint32 i = 0; i < n; ++i) {
        // One that ended long ago is past all that, and its low half may not be asked about any
        // more.
        constexpr core::Xid kLongAgo = 1000000000;
        if (snapshot.in_progress(hard[i]) || hard[i] + kLongAgo < snapshot.xmax) continue;
        const auto xid = static_cast<TransactionId>(hard[i]);
        if (xid != GetTopTransactionIdIfAny() && !ConditionalXactLockTableWait(xid)) return false;
    }
    return true;
}

}  // namespace

const Definition* definition_for_fill(const Definition* d, const core::Snapshot& snapshot,
                                      uint32 reads) {
    // Publishing needs functions and definitions as they are for this snapshot: a transaction that
    // holds all its locks already is not told by anything else that somebody has replaced a loader.
    const bool usable = store().usable(d->index, snapshot);
    if (!usable || !messages_sent(d->index, snapshot)) {
        for (uint32 i = 0; i < reads; ++i) {
            count_bypass(d, usable ? Bypass::kRedefinition : Bypass::kOldSnapshot);
        }
        return nullptr;
    }
    AcceptInvalidationMessages();
    const Definition* fresh = refresh_if_older(d);
    return fresh != nullptr && control_block(fresh) != core::kNoCache ? fresh : nullptr;
}

void enter_load(const core::Snapshot& snapshot, Load* load) {
    *load = {innermost, &snapshot, {}, core::kNever, true};
    innermost = load;
}

void leave_load(const Load& load, bool failed) {
    innermost = load.outer;
    // An outer loader may catch the error and make a value of it.
    if (failed) spoil_outer();
}

void complete_fill(const Definition* d, const Key& key, const Load& load, const Loaded& loaded,
                   bool fresh, const core::Snapshot& snapshot, ReadResult* result) {
    Load own = load;
    for (int i = 0; i < d->mask_count; ++i) {
        add_tag(&own, part_tag(d->cache_id(), d->masks[i], key.column_hash), false, core::kNoCache);
    }
    result->value = loaded.value;
    result->is_null = loaded.is_null;
    result->source = Source::kLoader;
    result->calculated_at = transaction_now();
    result->expires_at = std::min(expiry(d, result->calculated_at), own.expires_at);

    if (!own.publishable) spoil_outer();
    add_to_outer(own.tags, result->expires_at);
    if (innermost != nullptr) {
        add_tag(innermost, key.view.hash, true, core::kNoCache);
        add_tag(innermost, whole_tag(d->cache_id()), false, d->index);
    }

    if (!fresh) count(d, Counter::kMisses);
    count(d, Counter::kLoadMicros, loaded.load_us);
    const Bypass reason = publish(d, key, loaded, own, snapshot, result);
    if (reason == Bypass::kCount) {
        count(d, Counter::kFills);
    } else if (settings.track) {
        store().control(d->index)->counters.bypassed(stripe(), reason);
    }
}

void count_repeated_read(const Definition* d, const ReadResult& first, uint32 load_us) {
    count(d, first.published ? Counter::kHits : Counter::kMisses);
    if (first.published) count(d, Counter::kSavedMicros, load_us);
}

Left look_up(const ReadRequest& request, Key* key, ReadResult* result) {
    const Definition* d = request.definition;
    *result = {0, true, Source::kNothing, false, 0, 0, 0};
    encode_key(d->cache_id(), d->columns, d->key_types, request.arguments, request.nulls, key);
    const Left load = request.never_load ? Left::kNothing : Left::kLoad;
    if (!shared_ready()) {
        warn_not_preloaded();
        return load;
    }
    const uint8* put;
    uint32 put_size;
    if (find_pending_put(d, *key, &put, &put_size, &result->is_null)) {
        spoil_outer();
        result->source = Source::kPut;
        result->calculated_at = now_ms();
        result->expires_at = expiry(d, result->calculated_at);
        if (!result->is_null) result->value = value_from_bytes(d, put, put_size);
        return Left::kNothing;
    }

    Bypass reason = bypass_reason(d, *key);
    if (reason == Bypass::kCount && control_block(d) == core::kNoCache) {
        reason = Bypass::kNoControlBlock;
    }
    if (reason != Bypass::kCount) {
        if (request.never_load) spoil_outer();
        count_bypass(d, reason);
        return load;
    }

    const core::Snapshot snapshot = to_core(GetActiveSnapshot());
    check_outer_snapshot(snapshot);
    // What is put, and what is absent, has no writers that an outer value could be judged by.
    if (request.never_load || d->loader_name == nullptr) spoil_outer();
    if (!request.fresh) {
        core::EntryTags tags;
        const core::Found found = serve(d, *key, snapshot, request, &tags, result);
        if (result->source == Source::kCache && own_write_below(d, tags)) {
            if (request.never_load) spoil_outer();
            count_bypass(d, Bypass::kOwnWrite);
            *result = {0, true, Source::kNothing, false, 0, 0, 0};
            return load;
        }
        if (result->source == Source::kCache) {
            count(d, Counter::kHits);
            count(d, Counter::kSavedMicros, found.load_us);
            if (found.refresh_due) request_refresh(d->id, d->index, key->view);
            return Left::kNothing;
        }
        if (found.result == core::LookupResult::kExpired) count(d, Counter::kExpirations);
    }
    if (request.never_load || d->loader_name == nullptr) {
        count(d, Counter::kMisses);
        return Left::kNothing;
    }
    return Left::kFill;
}

bool would_serve(const Definition* d, const Datum* arguments, const bool* nulls) {
    if (!shared_ready()) return false;
    Key key;
    encode_key(d->cache_id(), d->columns, d->key_types, arguments, nulls, &key);
    const uint8* put;
    uint32 put_size;
    bool put_null;
    if (find_pending_put(d, key, &put, &put_size, &put_null)) return true;
    if (bypass_reason(d, key) != Bypass::kCount || control_block(d) == core::kNoCache) return false;
    core::EntryTags tags;
    const core::Found found = store().lookup(d->index, key.view, to_core(GetActiveSnapshot()),
                                             nullptr, UINT32_MAX, core::Detail::kInspect, &tags);
    return found.result == core::LookupResult::kHit && !own_write_below(d, tags);
}

void load_alone(const ReadRequest& request, Left left, Key* key, ReadResult* result) {
    const Definition* d = nullptr;
    const core::Snapshot snapshot =
        left == Left::kFill ? to_core(GetActiveSnapshot()) : core::Snapshot{};
    if (left == Left::kFill) d = definition_for_fill(request.definition, snapshot, 1);
    if (d == nullptr) {
        *result = load_only(request);
        return;
    }
    if (d != request.definition) {
        encode_key(d->cache_id(), d->columns, d->key_types, request.arguments, request.nulls, key);
    }
    Load load;
    Loaded loaded = {};
    enter_load(snapshot, &load);
    PG_TRY();
    { loaded = run_loader(d, request.arguments, request.nulls); }
    PG_CATCH();
    {
        leave_load(load, true);
        PG_RE_THROW();
    }
    PG_END_TRY();
    leave_load(load, false);
    complete_fill(d, *key, load, loaded, request.fresh, snapshot, result);
}

ReadResult read_value(const ReadRequest& request) {
    Key key;
    ReadResult result;
    const Left left = look_up(request, &key, &result);
    if (left != Left::kNothing) load_alone(request, left, &key, &result);
    return result;
}

const char* bypass_text(Bypass reason) {
    switch (reason) {
        case Bypass::kDisabled:
            return "cache_ext.enabled is off";
        case Bypass::kNotPreloaded:
            return "cache_ext is not in shared_preload_libraries";
        case Bypass::kRecovery:
            return "the server is in recovery";
        case Bypass::kSerializable:
            return "the transaction is SERIALIZABLE";
        case Bypass::kSnapshotKind:
            return "the active snapshot is not an MVCC snapshot";
        case Bypass::kOwnWrite:
            return "this transaction changed what the value depends on";
        case Bypass::kCommitting:
            return "this transaction is committing";
        case Bypass::kOldSnapshot:
            return "the snapshot is older than a writer that it would have to judge";
        case Bypass::kUnseenWriters:
            return "too many writers of the key are in progress";
        case Bypass::kNested:
            return "read inside another cache's loader";
        case Bypass::kOversized:
            return "the value is larger than the cache";
        case Bypass::kNoMemory:
            return "no memory could be evicted";
        case Bypass::kNoControlBlock:
            return "more caches than cache_ext.max_caches";
        case Bypass::kTransactionWrote:
            return "a transaction that has written never publishes";
        case Bypass::kExpiredAtOnce:
            return "the value was older than its ttl when it was complete";
        case Bypass::kRedefinition:
            return "a change of what the loader is made of is just being committed";
        case Bypass::kVolatileLoader:
            return "the loader is VOLATILE";
        case Bypass::kLostRelation:
            return "a table that the cache depends on was dropped: declare the cache anew";
        case Bypass::kCount:
            break;
    }
    return "";
}

}  // namespace cache_ext::pg
