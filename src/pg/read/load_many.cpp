#include "pg/read/load_many.hpp"

#include "pg/read/fill.hpp"
#include "pg/read/worth.hpp"
#include "pg/base/memory.hpp"
#include "pg/load/coverage.hpp"
#include "pg/load/run_rows.hpp"
#include "pg/load/session_inputs.hpp"
#include "pg/load/values.hpp"
#include "pg/catalog/key_text.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

// A key that the cache did not have.
struct Missing {
    Missing* same_hash = nullptr;
    uint32 place = 0;  // of its result
    LoadNeeded needed = LoadNeeded::kUnpublished;
    bool nulls = false;  // in the key
    bool loaded = false;
    bool taken = false;  // from a LoadedBatch
    Loaded value;
    Key key;
};

// The same key once more.
struct Repeated {
    Repeated* next;
    Missing* first;
    uint32 place;
    LoadNeeded needed;
};

struct Bucket {
    core::Tag hash;
    Missing* first;
};

struct Batch {
    const Definition* definition;
    const ManyKeys* keys;
    Missing** missing;
    uint32 count;
    uint32 fills;
    Repeated* repeated;
    HTAB* by_key;
    MemoryContext context;  // of the results
    // What the session adds to the keys that one query loads.
    const uint8* hidden;
    uint32 hidden_size;

    ReadRequest request(uint32 place, bool fresh) const {
        ReadRequest r = {definition, keys->values_of(place, definition),
                         keys->nulls_of(place, definition)};
        r.fresh = fresh;
        return r;
    }
};

Missing* find(const Batch& batch, const core::KeyView& key) {
    auto* bucket = static_cast<Bucket*>(hash_search(batch.by_key, &key.hash, HASH_FIND, nullptr));
    for (Missing* m = bucket != nullptr ? bucket->first : nullptr; m != nullptr; m = m->same_hash) {
        const core::KeyView& k = m->key.view;
        if (k.size == key.size && memcmp(k.bytes, key.bytes, key.size) == 0) return m;
    }
    return nullptr;
}

HTAB* key_table(uint32 expected) {
    HASHCTL info = {};
    info.keysize = sizeof(core::Tag);
    info.entrysize = sizeof(Bucket);
    info.hcxt = CurrentMemoryContext;
    return hash_create("cache_ext keys of a batch", std::max<uint32>(16, expected), &info,
                       HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void add_missing(Batch* batch, Missing* m) {
    bool found;
    auto* bucket =
        static_cast<Bucket*>(hash_search(batch->by_key, &m->key.view.hash, HASH_ENTER, &found));
    m->same_hash = found ? bucket->first : nullptr;
    bucket->first = m;
    const int columns = batch->definition->columns;
    const bool* nulls = batch->keys->nulls_of(m->place, batch->definition);
    for (int i = 0; i < columns; ++i) m->nulls |= nulls[i];
    batch->missing[batch->count++] = m;
    if (m->needed == LoadNeeded::kFill) ++batch->fills;
}

void prepare(Batch* batch, uint32 expected) {
    batch->by_key = key_table(expected);
    batch->missing = make_array<Missing*>(expected);
}

// Serves what there is, from key `from` on, and lists the rest.
void serve_all(Batch* batch, uint32 from, bool fresh, ReadResult* results) {
    const uint32 count = batch->keys->count;
    Missing* spare = nullptr;
    uint32 size_hint = 1024;
    for (uint32 i = from; i < count; ++i) {
        if (spare == nullptr) spare = make<Missing>();
        ReadRequest request = batch->request(i, fresh);
        request.size_hint = size_hint;
        request.copy = true;
        const LoadNeeded needed = try_serve(request, &spare->key, &results[i]);
        if (needed == LoadNeeded::kNone) {
            size_hint = std::max(size_hint, results[i].value_bytes);
            continue;
        }
        if (batch->by_key == nullptr) prepare(batch, count - i);
        if (Missing* first = find(*batch, spare->key.view)) {
            auto* again = make<Repeated>();
            *again = {batch->repeated, first, i, needed};
            batch->repeated = again;
            continue;
        }
        spare->place = i;
        spare->needed = needed;
        add_missing(batch, spare);
        spare = nullptr;
    }
}

void take_row(const Datum* values, const bool* nulls, Datum value, bool is_null, void* context) {
    auto* batch = static_cast<Batch*>(context);
    const Definition* d = batch->definition;
    Key key;
    encode_key(d->cache_id(), d->columns, d->key_types, values, nulls, &key);
    if (d->varies()) add_hidden_part(&key, batch->hidden, batch->hidden_size);
    Missing* m = find(*batch, key.view);
    if (m == nullptr || m->nulls) return;
    if (m->loaded) {
        ereport(ERROR, (errcode(ERRCODE_CARDINALITY_VIOLATION),
                        errmsg("function %s returned more than one row for a key",
                               row_loader_call(d, d->load_many_name, true)),
                        errdetail("Key %s of cache \"%s\".",
                                  shown_key(key.view.bytes, d->columns, d->key_types), d->name),
                        errhint("It must return at most one row per key, with the value that the "
                                "loader returns.")));
    }
    m->loaded = true;
    m->value.is_null = is_null;
    if (is_null) return;
    MemoryContext old = MemoryContextSwitchTo(batch->context);
    m->value.value = copy_value(d, value);
    MemoryContextSwitchTo(old);
}

// The keys as one array per key column.
void key_arrays(const Batch& batch, Missing* const* wanted, uint32 count, Oid* types,
                Datum* arrays) {
    const Definition* d = batch.definition;
    auto* column = make_array<Datum>(count);
    for (int c = 0; c < d->columns; ++c) {
        for (uint32 i = 0; i < count; ++i) {
            column[i] = batch.keys->values_of(wanted[i]->place, d)[c];
        }
        int16 length;
        bool by_value;
        char align;
        get_typlenbyvalalign(d->key_types[c], &length, &by_value, &align);
        types[c] = get_array_type(d->key_types[c]);
        arrays[c] = PointerGetDatum(construct_array(column, static_cast<int>(count),
                                                    d->key_types[c], length, by_value, align));
    }
}

// One query for all of `wanted`.
void run_load_many(Batch* batch, Missing* const* wanted, uint32 count) {
    const Definition* d = batch->definition;
    Oid types[kMaxKeyColumns];
    Datum arrays[kMaxKeyColumns];
    key_arrays(*batch, wanted, count, types, arrays);
    StringInfoData sql;
    initStringInfo(&sql);
    appendStringInfo(&sql, "SELECT * FROM %s(", d->load_many_name);
    for (int c = 0; c < d->columns; ++c) appendStringInfo(&sql, "%s$%d", c > 0 ? ", " : "", c + 1);
    appendStringInfoChar(&sql, ')');
    const core::KeyView& key = wanted[0]->key.view;
    batch->hidden = end_of_columns(d, key.bytes, key.size);
    batch->hidden_size = static_cast<uint32>(key.bytes + key.size - batch->hidden);
    const uint64 us = run_rows(d, from_reader(d, key), row_loader_call(d, d->load_many_name, true),
                               sql.data, d->columns, types, arrays, true, 0, take_row, batch);
    const auto share = static_cast<uint32>(std::min<uint64>(UINT32_MAX, us / count));
    for (uint32 i = 0; i < count; ++i) wanted[i]->value.load_us = share;
}

// Loads `wanted` and publishes what may be published. What the query reads from other caches
// belongs to every value of it.
void load_together(Batch* batch, Missing* const* wanted, uint32 count, uint32 fills, bool fresh,
                   ReadResult* results) {
    core::Snapshot snapshot = {};
    const Definition* fill = nullptr;
    FillTimer timer;
    timer.begin(fills > 0 && !fresh);
    if (fills > 0) {
        snapshot = to_core(GetActiveSnapshot());
        fill = definition_for_fill(batch->definition, snapshot, fills);
        // As it is declared now; without load_many there is nothing to be done together any more,
        // and keys of another declaration of what the session adds have to be made anew.
        if (fill != nullptr &&
            (!OidIsValid(fill->load_many) || fill->inputs_hash != batch->definition->inputs_hash)) {
            for (uint32 i = 0; i < count; ++i) {
                Missing* m = wanted[i];
                load_one(batch->request(m->place, fresh), m->needed, &m->key, &results[m->place]);
            }
            return;
        }
        if (fill != nullptr) batch->definition = fill;
    }
    if (fill == nullptr) {
        for (uint32 i = 0; i < count; ++i) results[wanted[i]->place] = not_published();
        run_load_many(batch, wanted, count);
    } else {
        Load load;
        enter_load(fill, snapshot, &load);
        PG_TRY();
        {
            timer.run_begins();
            run_load_many(batch, wanted, count);
            timer.run_ends();
        }
        PG_CATCH();
        {
            leave_load(load, true);
            PG_RE_THROW();
        }
        PG_END_TRY();
        leave_load(load, false);
        cover_reads(fill, &load);
        uint32 published = 0;
        for (uint32 i = 0; i < count; ++i) {
            const Missing* m = wanted[i];
            ReadResult* result = &results[m->place];
            if (m->needed == LoadNeeded::kFill) {
                complete_fill(fill, m->key, load, m->value, fresh, snapshot, result);
                published += result->published ? 1 : 0;
            } else {
                *result = not_published();
            }
        }
        timer.end(fill, published, uint64{wanted[0]->value.load_us} * count);
    }
    for (uint32 i = 0; i < count; ++i) {
        ReadResult* result = &results[wanted[i]->place];
        result->value = wanted[i]->value.value;
        result->is_null = wanted[i]->value.is_null;
    }
}

void load_all_missing(Batch* batch, bool fresh, ReadResult* results) {
    auto** together = make_array<Missing*>(batch->count);
    uint32 count = 0, fills = 0;
    if (OidIsValid(batch->definition->load_many)) {
        for (uint32 i = 0; i < batch->count; ++i) {
            Missing* m = batch->missing[i];
            if (m->nulls) continue;
            together[count++] = m;
            fills += m->needed == LoadNeeded::kFill ? 1 : 0;
        }
    }
    const bool one_query = count > 1;
    for (uint32 i = 0; i < batch->count; ++i) {
        Missing* m = batch->missing[i];
        if (one_query && !m->nulls) continue;
        CHECK_FOR_INTERRUPTS();
        load_one(batch->request(m->place, fresh), m->needed, &m->key, &results[m->place]);
    }
    if (one_query) load_together(batch, together, count, fills, fresh, results);
}

}  // namespace

void read_many(const Definition* d, const ManyKeys& keys, bool fresh, ReadResult* results) {
    Batch batch = {};
    batch.definition = d;
    batch.keys = &keys;
    batch.context = CurrentMemoryContext;
    serve_all(&batch, 0, fresh, results);
    if (batch.count > 0) load_all_missing(&batch, fresh, results);
    for (const Repeated* r = batch.repeated; r != nullptr; r = r->next) {
        const ReadResult& first = results[r->first->place];
        results[r->place] = first;
        results[r->place].published = false;  // not once more
        if (r->needed == LoadNeeded::kFill) {
            count_repeated_read(batch.definition, first, r->first->value.load_us);
        }
    }
}

struct LoadedBatch {
    Batch batch;
    ManyKeys keys;
    ReadResult* results;
};

LoadedBatch* load_missing(const Definition* d, const ManyKeys& keys, LoadNeeded first) {
    auto* loaded = make<LoadedBatch>();
    loaded->keys = keys;
    loaded->results = make_array<ReadResult>(keys.count);
    Batch* batch = &loaded->batch;
    batch->definition = d;
    batch->keys = &loaded->keys;
    batch->context = CurrentMemoryContext;
    prepare(batch, keys.count);
    auto* m = make<Missing>();
    m->needed = first;
    encode_session_key(d, keys.values, keys.nulls, &m->key);
    add_missing(batch, m);
    serve_all(batch, 1, false, loaded->results);
    load_all_missing(batch, false, loaded->results);
    return loaded;
}

const ReadResult* take_loaded(LoadedBatch* loaded, const Key& key) {
    Missing* m = find(loaded->batch, key.view);
    if (m == nullptr) return nullptr;
    const ReadResult* result = &loaded->results[m->place];
    if (m->taken && m->needed == LoadNeeded::kFill) {
        count_repeated_read(loaded->batch.definition, *result, m->value.load_us);
    }
    m->taken = true;
    return result;
}

}  // namespace cache_ext::pg
