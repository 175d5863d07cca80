#include "pg/ahead/warm.hpp"

#include "pg/catalog/control_blocks.hpp"
#include "pg/base/entries.hpp"
#include "pg/read/fill.hpp"
#include "pg/ahead/hot_keys.hpp"
#include "pg/read/load_many.hpp"
#include "pg/base/memory.hpp"
#include "pg/load/run_rows.hpp"
#include "pg/load/session_inputs.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/load/values.hpp"

extern "C" {
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

// What an entry takes beside its value, roughly.
constexpr uint64 kOverhead = 128;

const core::CacheControl* budget_of(const Definition* d) {
    const core::CacheIndex own = control_block(d);
    if (own == core::kNoCache) return nullptr;
    return store().control(core::load_relaxed(store().control(own)->budget));
}

WarmKeys new_keys(MemoryContext parent) {
    WarmKeys keys = {};
    keys.context = AllocSetContextCreate(parent, "cache_ext keys to warm", ALLOCSET_DEFAULT_SIZES);
    return keys;
}

void add_key(WarmKeys* keys, const uint8* bytes, uint32 size) {
    MemoryContext old = MemoryContextSwitchTo(keys->context);
    if (keys->count == keys->capacity) {
        keys->capacity = std::max<uint32>(64, keys->capacity * 2);
        const size_t room = sizeof(core::KeyView) * size_t{keys->capacity};
        keys->keys = static_cast<core::KeyView*>(keys->keys == nullptr
                                                     ? MemoryContextAllocHuge(keys->context, room)
                                                     : repalloc_huge(keys->keys, room));
    }
    auto* copy = static_cast<uint8*>(palloc(std::max<uint32>(1, size)));
    memcpy(copy, bytes, size);
    keys->keys[keys->count++] = {0, copy, size};
    MemoryContextSwitchTo(old);
}

struct Query {
    const Definition* definition;
    WarmKeys* keys;
};

void take_key(const Datum* values, const bool* nulls, Datum, bool, void* context) {
    const auto* q = static_cast<Query*>(context);
    const Definition* d = q->definition;
    Key key;
    encode_key(d->cache_id(), d->columns, d->key_types, values, nulls, &key);
    add_key(q->keys, key.view.bytes, key.view.size);
}

// The file is ours and has a checksum; but what it says must not lead out of its bounds.
bool well_formed(const Definition* d, const uint8* key, uint32 bytes) {
    if (d->varies()) return is_of_this_declaration(d, {0, key, bytes});
    return end_of_columns(d, key, bytes) == key + bytes;
}

void add_learnt_keys(const Definition* d, uint64 most, WarmKeys* keys) {
    const HotKeys hot = read_hot_keys(MyDatabaseId, d->id);
    for (uint32 i = 0; i < hot.count && keys->count < most; ++i) {
        if (well_formed(d, hot.keys[i].key, hot.keys[i].bytes)) {
            add_key(keys, hot.keys[i].key, hot.keys[i].bytes);
        }
    }
}

struct KeyArray {
    Datum* values;
    bool* nulls;
    core::KeyView* whole;  // with what the session has added
    uint32 count;
};

// Is the value there for this snapshot? Then *bytes is what it takes.
bool is_valid(const Definition* d, const Key& key, const core::Snapshot& snapshot, uint64* bytes) {
    const core::Found found = store().lookup(d->session->index, key.view, snapshot,
                                             {nullptr, UINT32_MAX, core::Detail::kInspect});
    *bytes = found.gross_bytes;
    return found.result == core::LookupResult::kHit;
}

// Takes keys from the list until `size` of them are to be loaded.
KeyArray next_batch(const Definition* d, const WarmKeys& keys, uint32 size,
                    WarmProgress* progress) {
    const size_t room = size_t{size} * static_cast<size_t>(std::max(1, d->columns));
    KeyArray batch = {make_array<Datum>(room), make_array<bool>(room),
                      make_array<core::KeyView>(size), 0};
    const core::Snapshot snapshot = to_core(GetActiveSnapshot());
    while (progress->next < keys.count && batch.count < size) {
        CHECK_FOR_INTERRUPTS();
        const size_t first = size_t{batch.count} * static_cast<size_t>(d->columns);
        const core::KeyView& whole = keys.keys[progress->next++];
        // It may have become another's since it was listed, or another declaration's.
        if (d->varies() && !is_of_this_declaration(d, whole)) continue;
        if (const char* why = left_to_readers(d, whole)) {
            if (progress->left++ == 0) {
                strlcpy(progress->left_because, why, sizeof(progress->left_because));
            }
            continue;
        }
        decode_key(whole.bytes, d->columns, d->key_types, batch.values + first,
                   batch.nulls + first);
        batch.whole[batch.count] = whole;
        Key key;
        encode_key_like(d, batch.values + first, batch.nulls + first, whole, &key);
        uint64 bytes;
        if (is_valid(d, key, snapshot, &bytes)) {
            progress->bytes += bytes;
        } else {
            ++batch.count;
        }
    }
    return batch;
}

// Each for a session of its own.
void load_for_readers(const Definition* d, const KeyArray& batch, ReadResult* results) {
    for (uint32 i = 0; i < batch.count; ++i) {
        CHECK_FOR_INTERRUPTS();
        const size_t first = size_t{i} * static_cast<size_t>(d->columns);
        ReadRequest request = {d, batch.values + first, batch.nulls + first};
        request.fresh = true;
        request.copy = true;
        request.like = &batch.whole[i];
        results[i] = read_value(request);
    }
}

// False: some values were not published.
bool load_batch(const Definition* d, const KeyArray& batch, WarmProgress* progress) {
    bool all = true;
    auto* results = make_array<ReadResult>(batch.count);
    if (d->varies()) {
        load_for_readers(d, batch, results);
    } else {
        read_many(d, {batch.count, batch.values, batch.nulls}, true, results);
    }
    for (uint32 i = 0; i < batch.count; ++i) {
        all = all && results[i].published;
        if (!results[i].published) continue;
        ValueBytes bytes;
        value_bytes(d, results[i].value, results[i].is_null, &bytes);
        ++progress->loaded;
        progress->bytes += kOverhead + bytes.size;
    }
    return all;
}

}  // namespace

bool can_warm(const Definition* d) {
    return d->loader_name != nullptr && !d->broken && !d->loader_volatile &&
           d->lapse == Lapse::kNone && d->others_load;
}

WarmKeys collect_warm_keys(const Definition* d, uint64 max_keys, MemoryContext parent) {
    WarmKeys keys = new_keys(parent);
    const core::CacheControl* budget = budget_of(d);
    uint64 most = max_keys == 0 ? UINT64_MAX : max_keys;
    const uint64 entries = budget != nullptr ? core::load_relaxed(budget->max_entries) : 0;
    if (entries != 0) most = std::min(most, entries);
    if (d->warm_keys != nullptr) {
        Query query = {d, &keys};
        run_rows(d, FromReader{}, psprintf("warm_keys of cache \"%s\"", d->name), d->warm_keys, 0,
                 nullptr, nullptr, false, most == UINT64_MAX ? 0 : most, take_key, &query);
    } else {
        add_learnt_keys(d, most, &keys);
    }
    return keys;
}

WarmKeys collect_invalidated_keys(const Definition* d, MemoryContext parent,
                                  core::Millis* left_until) {
    WarmKeys keys = new_keys(parent);
    *left_until = core::kNever;
    if (control_block(d) == core::kNoCache) return keys;
    const core::Millis now = now_ms();
    for_each_entry(to_core(GetActiveSnapshot()), [&](const core::EntryInfo& e, const uint8* key) {
        const bool invalid = e.result == core::LookupResult::kContradicted ||
                             e.result == core::LookupResult::kUnusable;
        if (e.cache != d->session->index || e.hits == 0 || !invalid) return;
        // Not later than a load that began now would allow, should the clock have been set back.
        const core::Millis from = std::min(e.calculated_at, now) + d->refresh_min(e.load_us);
        if (from <= now) {
            add_key(&keys, key, e.key_bytes);
        } else {
            *left_until = std::min(*left_until, from);
        }
    });
    return keys;
}

bool warm_batch(const Definition* definition, const WarmKeys& keys, WarmProgress* progress) {
    progress->blocked = control_block(definition) == core::kNoCache;
    const Definition* d = progress->blocked
                              ? nullptr
                              : definition_for_fill(definition, to_core(GetActiveSnapshot()), 0);
    if (d == nullptr) {
        progress->blocked = true;
        return false;
    }
    MemoryContext scratch =
        AllocSetContextCreate(CurrentMemoryContext, "cache_ext warm", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(scratch);
    const auto size = static_cast<uint32>(settings.warm_batch);
    const uint32 first = progress->next;
    const KeyArray batch = next_batch(d, keys, size, progress);
    if (batch.count > 0 && !load_batch(d, batch, progress) &&
        definition_for_fill(d, to_core(GetActiveSnapshot()), 0) == nullptr) {
        // Something changed under it: the batch is due again, under another snapshot.
        progress->next = first;
        progress->blocked = true;
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(scratch);

    const core::CacheControl* budget = budget_of(d);
    const uint64 limit = budget != nullptr ? core::load_relaxed(budget->max_bytes) : 0;
    const uint64 most = limit != 0 ? limit : store().stats().arena.capacity;
    progress->full = progress->bytes >= most;
    return progress->next < keys.count && !progress->full && !progress->blocked;
}

}  // namespace cache_ext::pg
