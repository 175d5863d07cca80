#include "pg/sql/load_keys.hpp"

#include "pg/base/memory.hpp"
#include "pg/read/load_many.hpp"

namespace cache_ext::pg {
namespace {

void load(void* argument, uint32 first, uint32 count) {
    const auto& m = *static_cast<const KeysToLoad*>(argument);
    const Definition* d = known_cache(m.cache_id);
    const auto columns = static_cast<size_t>(d->columns);
    ManyKeys wanted = {0, make_array<Datum>(count * columns), make_array<bool>(count * columns)};
    auto* places = make_array<uint32>(count);
    for (uint32 i = first; i < first + count; ++i) {
        const Datum* values = m.values + i * columns;
        const bool* nulls = m.nulls + i * columns;
        const char*& outcome = m.reports[i].outcome;
        if (m.missing_only && would_serve(d, values, nulls)) {
            // It may have been loaded with others, of which one has failed.
            outcome = outcome == nullptr ? "valid" : "loaded";
            continue;
        }
        outcome = "not published";
        std::copy_n(values, columns, wanted.values + wanted.count * columns);
        std::copy_n(nulls, columns, wanted.nulls + wanted.count * columns);
        places[wanted.count++] = i;
    }
    auto* results = make_array<ReadResult>(wanted.count);
    read_many(d, wanted, true, results);
    for (uint32 i = 0; i < wanted.count; ++i) {
        if (results[i].published) m.reports[places[i]].outcome = "loaded";
    }
}

}  // namespace

const Definition* known_cache(uint64 id) {
    const Definition* d = find_definition_by_id(id);
    if (d == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("the cache was dropped")));
    }
    return d;
}

void load_keys(const KeysToLoad& keys) {
    KeysToLoad mine = keys;
    run_batches(
        {keys.count, keys.batch_size, keys.retries, load, &mine, keys.context, keys.reports});
}

}  // namespace cache_ext::pg
