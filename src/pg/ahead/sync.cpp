#include "pg/ahead/sync.hpp"

#include "pg/read/bypass.hpp"
#include "pg/catalog/counters.hpp"
#include "pg/base/entries.hpp"
#include "pg/read/fill.hpp"
#include "pg/read/read.hpp"
#include "pg/load/coverage.hpp"
#include "pg/load/run_rows.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/load/values.hpp"
#include "pg/catalog/key_text.hpp"

extern "C" {
#include "utils/hsearch.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

struct SyncRow {
    SyncRow* next;
    SyncRow* same_hash;
    const uint8* key;
    uint32 key_bytes;
    Loaded value;
};

struct HashSlot {
    core::Tag hash;
    SyncRow* first;
};

struct AllRows {
    const Definition* definition;
    MemoryContext context;
    HTAB* by_key;
    SyncRow* newest;
    uint64 count;
};

SyncRow* find_row(const AllRows& rows, core::Tag hash, const uint8* key, uint32 key_bytes) {
    auto* slot = static_cast<HashSlot*>(hash_search(rows.by_key, &hash, HASH_FIND, nullptr));
    for (SyncRow* r = slot != nullptr ? slot->first : nullptr; r != nullptr; r = r->same_hash) {
        if (r->key_bytes == key_bytes && memcmp(r->key, key, key_bytes) == 0) return r;
    }
    return nullptr;
}

void take_row(const Datum* values, const bool* nulls, Datum value, bool is_null, void* context) {
    auto* rows = static_cast<AllRows*>(context);
    const Definition* d = rows->definition;
    Key key;
    encode_key(d->cache_id(), d->columns, d->key_types, values, nulls, &key);
    if (find_row(*rows, key.view.hash, key.view.bytes, key.view.size) != nullptr) {
        ereport(
            ERROR,
            (errcode(ERRCODE_CARDINALITY_VIOLATION),
             errmsg("function %s returned more than one row for a key",
                    row_loader_call(d, d->load_all_name, false)),
             errdetail("Key %s of cache \"%s\".",
                       shown_key(key.view.bytes, d->columns, d->key_types), d->name),
             errhint("It must return one row per key, with the value that the loader returns.")));
    }
    MemoryContext old = MemoryContextSwitchTo(rows->context);
    auto* row = static_cast<SyncRow*>(palloc0(sizeof(SyncRow)));
    auto* copy = static_cast<uint8*>(palloc(std::max<uint32>(1, key.view.size)));
    memcpy(copy, key.view.bytes, key.view.size);
    row->key = copy;
    row->key_bytes = key.view.size;
    row->value = {0, is_null, 0, false};
    if (!is_null) row->value.value = copy_value(d, value);
    row->next = rows->newest;
    rows->newest = row;
    ++rows->count;
    bool found;
    auto* slot =
        static_cast<HashSlot*>(hash_search(rows->by_key, &key.view.hash, HASH_ENTER, &found));
    row->same_hash = found ? slot->first : nullptr;
    slot->first = row;
    MemoryContextSwitchTo(old);
}

enum class Comparison : uint8 { kAbsent, kSame, kDifferent };

// What the cache has for the key, as this snapshot would be served.
Comparison compare(const Definition* d, const Key& key, const Loaded& value,
                   const core::Snapshot& snapshot) {
    Datum cached = 0;
    const core::Found found = peek_cached(d, key, snapshot, &cached);
    if (found.result == core::LookupResult::kAbsent) return Comparison::kAbsent;
    const bool same = found.result == core::LookupResult::kHit &&
                      same_value(d, cached, found.is_null, value.value, value.is_null);
    return same ? Comparison::kSame : Comparison::kDifferent;
}

void publish_rows(const Definition* d, const AllRows& rows, const Load& load,
                  const core::Snapshot& snapshot, SyncCounts* counts) {
    MemoryContext scratch =
        AllocSetContextCreate(CurrentMemoryContext, "cache_ext sync", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(scratch);
    const bool may_expire =
        d->ttl_ms >= 0 || d->calendar.unit != Unit::kNone || load.tags.period.bounded();
    for (const SyncRow* r = rows.newest; r != nullptr; r = r->next) {
        CHECK_FOR_INTERRUPTS();
        MemoryContextReset(scratch);
        Datum values[kMaxKeyColumns];
        bool nulls[kMaxKeyColumns];
        decode_key(r->key, d->columns, d->key_types, values, nulls);
        Key key;
        encode_key(d->cache_id(), d->columns, d->key_types, values, nulls, &key);
        const Comparison c = compare(d, key, r->value, snapshot);
        // What never expires need not be written again.
        if (c != Comparison::kSame || may_expire) {
            ReadResult result = {};
            complete_fill(d, key, load, r->value, true, snapshot, &result);
            if (c != Comparison::kSame && !result.published) continue;
        }
        ++(c == Comparison::kAbsent      ? counts->added
           : c == Comparison::kDifferent ? counts->replaced
                                         : counts->unchanged);
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(scratch);
}

// Is this an entry that the rows speak against? One that was made for a newer snapshot is not, and
// a NULL says that there is no such row.
bool gone(const AllRows& rows, const core::EntryInfo& e, const uint8* key,
          const core::Snapshot& snapshot, core::Millis started) {
    if (find_row(rows, e.hash, key, e.key_bytes) != nullptr) return false;
    if (e.result == core::LookupResult::kExpired) return true;
    if (e.result != core::LookupResult::kHit) return e.calculated_at < started;
    const core::Found found = store().lookup(e.cache, {e.hash, key, e.key_bytes}, snapshot,
                                             {nullptr, UINT32_MAX, core::Detail::kInspect});
    return !found.is_null;
}

void remove_others(const Definition* d, const AllRows& rows, const core::Snapshot& snapshot,
                   SyncCounts* counts) {
    const core::Millis started = transaction_start_ms();
    for_each_entry(snapshot, [&](const core::EntryInfo& e, const uint8* key) {
        if (e.cache != d->session->index || !gone(rows, e, key, snapshot, started)) return;
        if (store().remove(e.cache, {e.hash, key, e.key_bytes})) ++counts->removed;
    });
}

const Definition* definition_to_sync(const Definition* d, const core::Snapshot& snapshot) {
    const Definition* fresh = definition_for_fill(d, snapshot, 0);
    if (fresh != nullptr && OidIsValid(fresh->load_all)) return fresh;
    const core::Bypass reason = fresh == nullptr ? reason_not_to_fill(d) : core::Bypass::kNone;
    if (reason != core::Bypass::kNone) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("cache \"%s\" cannot be filled: %s", d->name, bypass_text(reason)),
                        errhint("cache_health says what mends that.")));
    }
    if (fresh == nullptr) {
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("cache \"%s\" is just being changed", d->name), errhint("Try again.")));
    }
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                    errmsg("function %s of cache \"%s\" does not exist, or does not fit any more",
                           row_loader_call(fresh, fresh->load_all_name, false), d->name),
                    errhint("Create it again as it was, or change load_all with cache_alter.")));
    pg_unreachable();
}

SyncCounts run(const Definition* declared) {
    const core::Snapshot snapshot = to_core(GetActiveSnapshot());
    const Definition* d = definition_to_sync(declared, snapshot);
    AllRows rows = {d, CurrentMemoryContext, nullptr, nullptr, 0};
    HASHCTL info = {};
    info.keysize = sizeof(core::Tag);
    info.entrysize = sizeof(HashSlot);
    info.hcxt = CurrentMemoryContext;
    rows.by_key = hash_create("cache_ext rows of load_all", 1024, &info,
                              HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    const char* call = row_loader_call(d, d->load_all_name, false);
    Load load;
    uint64 us = 0;
    enter_load(d, snapshot, &load);
    PG_TRY();
    {
        us = run_rows(d, FromReader{}, call, psprintf("SELECT * FROM %s()", d->load_all_name), 0,
                      nullptr, nullptr, true, 0, take_row, &rows);
    }
    PG_CATCH();
    {
        leave_load(load, true);
        PG_RE_THROW();
    }
    PG_END_TRY();
    leave_load(load, false);
    cover_reads(d, &load);
    if (load.because == core::Bypass::kNewlyTracked ||
        load.because == core::Bypass::kRedefinition) {
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("what function %s returned cannot be published yet", call),
                 errdetail("Reason: %s.", bypass_text(load.because)), errhint("Try again.")));
    }
    if (load.because != core::Bypass::kNested) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("what function %s returned cannot be published", call),
                        errdetail("Reason: %s.", bypass_text(load.because))));
    }
    const auto share =
        static_cast<uint32>(std::min<uint64>(UINT32_MAX, us / std::max<uint64>(1, rows.count)));
    for (SyncRow* r = rows.newest; r != nullptr; r = r->next) r->value.load_us = share;
    SyncCounts counts = {};
    publish_rows(d, rows, load, snapshot, &counts);
    remove_others(d, rows, snapshot, &counts);
    return counts;
}

}  // namespace

SyncCounts sync_cache(const Definition* d) {
    require_publishing(d, "cache_sync");
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "cache_ext sync", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    SyncCounts counts = {};
    PG_TRY();
    { counts = run(d); }
    PG_CATCH();
    {
        note_sync_error(d);
        PG_RE_THROW();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
    note_sync(d, counts);
    return counts;
}

}  // namespace cache_ext::pg
