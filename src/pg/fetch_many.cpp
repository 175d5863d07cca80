// cache_fetch_of: what cache_get_many_<name> calls for each of its keys. Values that are cached are
// served one by one, without being gathered anywhere; the first one that is missing has all missing
// ones of the array loaded together.
#include "pg/call_site.hpp"
#include "pg/fill.hpp"
#include "pg/load_many.hpp"

extern "C" {
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

// cache_fetch_of(result anyelement, cache text, keys anycompatiblearray, key anycompatible)
enum { kResult, kCache, kKeys, kKey };

// Keys that are loaded together at most.
constexpr int kAtOnce = 10000;

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
    LoadedBatch* loaded;    // nullptr: none
    Reader reader;          // who it was loaded for
    MemoryContext context;  // of what was loaded; nullptr: nothing ever was
    int stopped_at;         // element of the array that the last load did not get to
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
    find_called(fcinfo, kKey, "cache_get_many_", &found);
    if (!names_constant_cache(fcinfo)) found.generation = 0;
    if (site == nullptr) {
        site = static_cast<Site*>(MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Site)));
        fcinfo->flinfo->fn_extra = site;
    }
    // What was loaded is another cache's, or was loaded for somebody else.
    site->loaded = nullptr;
    site->call = found;
    return site;
}

struct Elements {
    Datum* values;
    bool* nulls;
    int count;
};

Elements elements_of(const Definition* d, ArrayType* array) {
    Elements e;
    int16 length;
    bool by_value;
    char align;
    get_typlenbyvalalign(d->key_types[0], &length, &by_value, &align);
    deconstruct_array(array, d->key_types[0], length, by_value, align, &e.values, &e.nulls,
                      &e.count);
    return e;
}

bool same_key(const Definition* d, const Elements& e, int i, const Key& key) {
    Key other;
    encode_key(d->cache_id(), d->columns, d->key_types, &e.values[i], &e.nulls[i], &other);
    return other.view.size == key.view.size &&
           memcmp(other.view.bytes, key.view.bytes, key.view.size) == 0;
}

// The element that is being asked for: the one after the last load, or its first occurrence.
int place_of(const Site& site, const Elements& e, const Key& key) {
    const Definition* d = site.call.definition;
    if (site.stopped_at < e.count && same_key(d, e, site.stopped_at, key)) return site.stopped_at;
    for (int i = 0; i < e.count; ++i) {
        if (same_key(d, e, i, key)) return i;
    }
    return e.count;
}

// Loads the key at hand, and those after it that are missing as well.
void load(FunctionCallInfo fcinfo, Site* site, Left left, const Key& key) {
    site->loaded = nullptr;
    if (site->context == nullptr) {
        site->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "cache_ext batch",
                                              ALLOCSET_DEFAULT_SIZES);
    }
    MemoryContextReset(site->context);
    MemoryContext old = MemoryContextSwitchTo(site->context);
    const Definition* d = site->call.definition;
    const Elements all = PG_ARGISNULL(kKeys)
                             ? Elements{nullptr, nullptr, 0}
                             : elements_of(d, DatumGetArrayTypePCopy(PG_GETARG_DATUM(kKeys)));
    int i = place_of(*site, all, key);
    const int room = std::clamp(all.count - i, 1, kAtOnce);
    ManyKeys wanted = {1, static_cast<Datum*>(palloc(sizeof(Datum) * room)),
                       static_cast<bool*>(palloc(sizeof(bool) * room))};
    wanted.nulls[0] = PG_ARGISNULL(kKey);
    wanted.values[0] = 0;
    if (i < all.count) {
        wanted.values[0] = all.values[i];
    } else if (!wanted.nulls[0]) {
        int16 length;
        bool by_value;
        get_typlenbyval(d->key_types[0], &length, &by_value);
        wanted.values[0] = datumCopy(PG_GETARG_DATUM(kKey), by_value, length);
    }
    for (++i; i < all.count && wanted.count < static_cast<uint32>(room); ++i) {
        if (would_serve(d, &all.values[i], &all.nulls[i])) continue;
        wanted.values[wanted.count] = all.values[i];
        wanted.nulls[wanted.count++] = all.nulls[i];
    }
    LoadedBatch* loaded = load_missing(d, wanted, left);
    MemoryContextSwitchTo(old);
    site->stopped_at = i;
    site->loaded = loaded;
    site->reader = this_reader();
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_fetch_of_1_0);
}

extern "C" Datum cache_fetch_of_1_0(PG_FUNCTION_ARGS) {
    Site* site = call_site(fcinfo);
    const Definition* d = site->call.definition;
    const Datum argument = PG_GETARG_DATUM(kKey);
    const bool null = PG_ARGISNULL(kKey);
    Key key;
    if (site->loaded != nullptr && site->reader == this_reader()) {
        encode_key(d->cache_id(), 1, d->key_types, &argument, &null, &key);
        if (const ReadResult* loaded = take_loaded(site->loaded, key)) {
            if (loaded->is_null) PG_RETURN_NULL();
            return loaded->value;
        }
    }
    ReadRequest request = {d, &argument, &null};
    request.size_hint = expected_bytes(d);
    ReadResult result;
    const Left left = look_up(request, &key, &result);
    if (left == Left::kNothing) {
        note_bytes(d, result.value_bytes);
    } else {
        load(fcinfo, site, left, key);
        result = *take_loaded(site->loaded, key);
    }
    if (result.is_null) PG_RETURN_NULL();
    return result.value;
}

}  // namespace cache_ext::pg
