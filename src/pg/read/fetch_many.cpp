// cache_fetch_of: the values of the keys in arrays, one for each key column, one after the other,
// for cache_get_many_<name>. What is cached is served as it comes, without being gathered anywhere;
// the first value that is missing has all missing ones of the arrays loaded together.
//
// While one key is served, the processor fetches what the next ones will need: first their buckets,
// then their entries (software-pipelined prefetching: Chen, Ailamaki, Gibbons, Mowry, "Improving
// hash join performance through prefetching", ICDE 2004).
#include "pg/read/call_site.hpp"
#include "pg/read/load_many.hpp"
#include "pg/load/running_load.hpp"
#include "pg/load/session_inputs.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/store_handle.hpp"

extern "C" {
#include "executor/executor.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

// cache_fetch_of(result anyelement, cache text, VARIADIC keys "any")
enum { kResult, kCache, kKeys };

// Keys that are loaded together at most.
constexpr uint32 kAtOnce = 10000;

// How many keys ahead buckets are asked for, and entries. A key takes longer than memory does.
constexpr uint32 kBucketsAhead = 8;
constexpr uint32 kEntriesAhead = 4;

// What was loaded is good for one snapshot, and for one outer load, which has been told what it
// depends on. An expression can outlive both.
struct Reader {
    TransactionId xmin;
    TransactionId xmax;
    uint32 running;
    CommandId command;
    uint64 load;

    bool operator==(const Reader&) const = default;
};

struct Site {
    CallSite call;

    bool reading;          // arrays, up to and without element `next`
    ManyKeys keys;         // their elements
    MemoryContext arrays;  // of `keys`
    uint32 next;
    uint32 encoded;  // elements before this one are in `ahead`, or past
    uint32 asked;    // entries of elements before this one were asked for
    Key* ahead;      // element i: [i % kBucketsAhead]

    LoadedBatch* loaded;    // nullptr: none
    Reader reader;          // who it was loaded for
    MemoryContext context;  // of what was loaded; nullptr: nothing ever was
};

Reader this_reader() {
    if (!ActiveSnapshotSet()) return {0, 0, 0, 0, current_load()};
    const SnapshotData* s = GetActiveSnapshot();
    return {s->xmin, s->xmax, s->xcnt, s->curcid, current_load()};
}

Site* call_site(FunctionCallInfo fcinfo) {
    auto* site = static_cast<Site*>(fcinfo->flinfo->fn_extra);
    if (site != nullptr && site->call.holds()) return site;
    CallSite found;
    find_called(fcinfo, kKeys, true, "cache_get_many_", &found);
    if (!names_constant_cache(fcinfo)) found.generation = 0;
    if (site == nullptr) {
        site = static_cast<Site*>(MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Site)));
        site->arrays = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "cache_ext keys",
                                             ALLOCSET_DEFAULT_SIZES);
        fcinfo->flinfo->fn_extra = site;
    }
    // What was loaded is another cache's, or was loaded for somebody else; so is what was encoded.
    site->loaded = nullptr;
    site->encoded = site->asked = site->next;
    site->call = found;
    return site;
}

// The arrays have been read, or nobody wants the rest.
void finish(Datum argument) {
    auto* site = reinterpret_cast<Site*>(DatumGetPointer(argument));
    site->reading = false;
    site->loaded = nullptr;  // it knows the keys by their place in the arrays
    MemoryContextReset(site->arrays);
}

// Elements of an array of one key column; a NULL has none.
ManyKeys elements(FunctionCallInfo fcinfo, int argument, Oid type) {
    if (PG_ARGISNULL(argument)) return {};
    ManyKeys found;
    int16 length;
    bool by_value;
    char align;
    int count;
    get_typlenbyvalalign(type, &length, &by_value, &align);
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(argument), type, length, by_value, align, &found.values,
                      &found.nulls, &count);
    found.count = static_cast<uint32>(count);
    return found;
}

// ERROR 2202E: the arrays are not of one length.
ManyKeys keys_in(FunctionCallInfo fcinfo, const Definition* d) {
    ManyKeys all = elements(fcinfo, kKeys, d->key_types[0]);
    if (d->columns == 1) return all;
    const ManyKeys first = all;
    const auto columns = static_cast<size_t>(d->columns);
    all.values = make_array<Datum>(columns * all.count);
    all.nulls = make_array<bool>(columns * all.count);
    for (size_t c = 0; c < columns; ++c) {
        const int argument = kKeys + static_cast<int>(c);
        const ManyKeys column = c == 0 ? first : elements(fcinfo, argument, d->key_types[c]);
        if (column.count != all.count) {
            ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
                            errmsg("arrays of keys must have the same length"),
                            errdetail("The first one has %u elements, number %d has %u.", all.count,
                                      static_cast<int>(c) + 1, column.count),
                            errhint("The n-th key is made of the n-th elements of all arrays.")));
        }
        for (size_t i = 0; i < all.count; ++i) {
            all.values[i * columns + c] = column.values[i];
            all.nulls[i * columns + c] = column.nulls[i];
        }
    }
    return all;
}

void begin(FunctionCallInfo fcinfo, Site* site, ExprContext* context) {
    MemoryContext old = MemoryContextSwitchTo(site->arrays);
    site->keys = {};
    site->keys = keys_in(fcinfo, site->call.definition);
    if (site->keys.count > 0) site->ahead = make_array<Key>(kBucketsAhead);
    MemoryContextSwitchTo(old);
    site->next = site->encoded = site->asked = 0;
    site->reading = true;
    RegisterExprContextCallback(context, finish, PointerGetDatum(site));
}

bool all_short(const Definition* d, const Datum* values, const bool* nulls) {
    for (int c = 0; c < d->columns; ++c) {
        if (!short_key(d->key_types[c], values[c], nulls[c])) return false;
    }
    return true;
}

// Asks for what the next keys will read. Nothing depends on it but time.
void prefetch_next(Site* site) {
    if (!store_ready()) return;
    const Definition* d = site->call.definition;
    if (d->varies()) return;  // what the session is like when the next row is asked for
    const ManyKeys& keys = site->keys;
    const uint32 end = std::min(keys.count, site->next + kBucketsAhead);
    for (uint32& i = site->encoded; i < end; ++i) {
        const Datum* values = keys.values_of(i, d);
        const bool* nulls = keys.nulls_of(i, d);
        if (!all_short(d, values, nulls)) break;
        Key* key = &site->ahead[i % kBucketsAhead];
        encode_key(d->cache_id(), d->columns, d->key_types, values, nulls, key);
        store().prefetch(key->view.hash);
    }
    const uint32 soon = std::min(site->encoded, site->next + kEntriesAhead);
    for (uint32& i = site->asked; i < soon; ++i) {
        store().prefetch(site->ahead[i % kBucketsAhead].view.hash, expected_bytes(d));
    }
}

// Loads the element `first`, and those after it that are missing as well.
void load_from(FunctionCallInfo fcinfo, Site* site, LoadNeeded needed, uint32 first) {
    site->loaded = nullptr;
    if (site->context == nullptr) {
        site->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "cache_ext batch",
                                              ALLOCSET_DEFAULT_SIZES);
    }
    MemoryContextReset(site->context);
    MemoryContext old = MemoryContextSwitchTo(site->context);
    const Definition* d = site->call.definition;
    const ManyKeys& all = site->keys;
    const uint32 room = std::min(all.count - first, kAtOnce);
    const size_t datums = size_t{room} * static_cast<size_t>(d->columns);
    ManyKeys wanted = {0, make_array<Datum>(datums), make_array<bool>(datums)};
    for (uint32 i = first; i < all.count && wanted.count < room; ++i) {
        const Datum* values = all.values_of(i, d);
        const bool* nulls = all.nulls_of(i, d);
        if (i > first && would_serve(d, values, nulls)) continue;
        std::copy_n(values, d->columns, wanted.values_of(wanted.count, d));
        std::copy_n(nulls, d->columns, wanted.nulls_of(wanted.count, d));
        ++wanted.count;
    }
    LoadedBatch* loaded = load_missing(d, wanted, needed);
    MemoryContextSwitchTo(old);
    site->loaded = loaded;
    site->reader = this_reader();
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_fetch_of_1_0);
}

extern "C" Datum cache_fetch_of_1_0(PG_FUNCTION_ARGS) {
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    if (set == nullptr || !IsA(set, ReturnSetInfo) ||
        (set->allowedModes & SFRM_ValuePerCall) == 0) {
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("set-valued function called in context that cannot accept a set")));
    }
    Site* site = call_site(fcinfo);
    if (!site->reading) begin(fcinfo, site, set->econtext);
    if (site->next == site->keys.count) {
        UnregisterExprContextCallback(set->econtext, finish, PointerGetDatum(site));
        finish(PointerGetDatum(site));
        set->isDone = ExprEndResult;
        PG_RETURN_NULL();
    }
    set->isDone = ExprMultipleResult;

    prefetch_next(site);
    const Definition* d = site->call.definition;
    const uint32 place = site->next++;
    Key here;
    ReadRequest request = {d, site->keys.values_of(place, d), site->keys.nulls_of(place, d)};
    request.size_hint = expected_bytes(d);
    request.encoded = place < site->encoded;
    if (!request.encoded) site->encoded = site->asked = site->next;
    Key* key = request.encoded ? &site->ahead[place % kBucketsAhead] : &here;
    if (site->loaded != nullptr && site->reader == this_reader()) {
        if (!request.encoded) {
            encode_session_key(d, request.arguments, request.nulls, key);
            request.encoded = true;
        }
        if (const ReadResult* loaded = take_loaded(site->loaded, *key)) {
            if (loaded->is_null) PG_RETURN_NULL();
            return loaded->value;
        }
    }
    ReadResult result;
    const LoadNeeded needed = try_serve(request, key, &result);
    if (needed == LoadNeeded::kNone) {
        note_bytes(d, result.value_bytes);
    } else {
        load_from(fcinfo, site, needed, place);
        const ReadResult* loaded = take_loaded(site->loaded, *key);
        if (loaded != nullptr) {
            result = *loaded;
        } else {
            load_one(request, needed, key, &result);
        }
    }
    if (result.is_null) PG_RETURN_NULL();
    return result.value;
}

}  // namespace cache_ext::pg
