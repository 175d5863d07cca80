#include "pg/options.hpp"

#include "pg/definitions.hpp"
#include "pg/rights.hpp"
#include "pg/row_loaders.hpp"
#include "pg/shared.hpp"

extern "C" {
#include "utils/fmgrprotos.h"
#include "utils/float.h"
}

namespace cache_ext::pg {
namespace {

struct OptionInfo {
    const char* name;
    const char* type;
};

constexpr OptionInfo kInfo[kOptions] = {
    {"ttl", "interval"},     {"refresh_at", "float8"},     {"max_entries", "int4"},
    {"max_memory", "text"},  {"budget", "text"},           {"stale_for", "interval"},
    {"load_many", "text"},   {"load_all", "text"},         {"sync_every", "interval"},
    {"warm_keys", "text"},   {"warm_every", "interval"},   {"warm_on_invalidate", "bool"},
    {"priority", "int4"},    {"null_ttl", "interval"},     {"ttl_min", "interval"},
    {"ttl_max", "interval"}, {"load_timeout", "interval"}, {"warm_when_idle", "bool"},
};

[[noreturn]] void out_of_range(const char* option, const char* value, const char* hint) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("%s of a cache cannot be %s", option, value), errhint("%s", hint)));
    pg_unreachable();
}

int64 checked_interval_ms(const char* option, const char* text) {
    const int64 ms = interval_ms(DatumGetIntervalP(DirectFunctionCall3(
        interval_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
    if (ms / (USECS_PER_DAY / 1000) > 36525)
        out_of_range(option, text, "The longest is 100 years.");
    return ms;
}

// Loading many keys at once is a faster way to do what the loader does.
void check_load_many(const char* text, const RowShape& shape, bool has_loader, Options* options) {
    if (!has_loader) {
        out_of_range("load_many", text, "Give the cache a loader: it loads single keys.");
    }
    if (shape.columns == 0) {
        out_of_range("load_many", text, "A cache without key columns has one value only.");
    }
    (*options)[Option::kLoadMany] = checked_row_loader("load_many", text, shape, true);
}

// More often than this would keep a worker busy with nothing else.
constexpr int64 kShortestPeriodMs = 1000;

void check_schedule(const Options& options) {
    for (const Option o : {Option::kSyncEvery, Option::kWarmEvery}) {
        const char* period = options[o];
        if (period == nullptr) continue;
        if (checked_interval_ms(option_name(o), period) < kShortestPeriodMs) {
            out_of_range(option_name(o), period,
                         "Give an interval of at least one second, or NULL for never.");
        }
    }
    if (options[Option::kSyncEvery] != nullptr && options[Option::kLoadAll] == nullptr) {
        out_of_range("sync_every", options[Option::kSyncEvery],
                     "Give load_all as well: the function that a sync runs.");
    }
}

// ttl_min <= ttl <= ttl_max.
void check_ttl_bounds(const Options& options) {
    const char* ttl = options[Option::kTtl];
    const char* least = options[Option::kTtlMin];
    const char* most = options[Option::kTtlMax];
    const auto check = [&](const char* option, const char* bound, bool fits) {
        if (bound == nullptr) return;
        if (ttl == nullptr)
            out_of_range(option, bound, "A cache without ttl has nothing to adapt.");
        if (!fits) {
            out_of_range(option, bound,
                         "The order is ttl_min <= ttl <= ttl_max, from one millisecond on.");
        }
    };
    const int64 ms = ttl != nullptr ? checked_interval_ms("ttl", ttl) : 0;
    if (least != nullptr) {
        const int64 bound = checked_interval_ms("ttl_min", least);
        check("ttl_min", least, bound >= 1 && bound <= ms);
    }
    if (most != nullptr) check("ttl_max", most, checked_interval_ms("ttl_max", most) >= ms);
}

}  // namespace

const char* option_name(Option option) {
    return kInfo[static_cast<int>(option)].name;
}
const char* option_type(Option option) {
    return kInfo[static_cast<int>(option)].type;
}

void check_options(const char* cache, const Options& options) {
    if (const char* ttl = options[Option::kTtl]) {
        if (checked_interval_ms("ttl", ttl) < 1) {
            out_of_range("ttl", ttl,
                         "Give an interval of at least one millisecond, or NULL for "
                         "values that never expire.");
        }
    }
    if (const char* null_ttl = options[Option::kNullTtl]) {
        if (checked_interval_ms("null_ttl", null_ttl) < 1) {
            out_of_range("null_ttl", null_ttl,
                         "Give an interval of at least one millisecond, or NULL for the ttl of "
                         "other values.");
        }
    }
    check_ttl_bounds(options);
    if (const char* at = options[Option::kRefreshAt]) {
        const double share =
            float8in_internal(const_cast<char*>(at), nullptr, "double precision", at);
        if (!(share > 0 && share < 1)) {
            out_of_range("refresh_at", at,
                         "It is a share of ttl between 0 and 1, both excluded, or NULL for no "
                         "refresh ahead of time.");
        }
    }
    if (const char* entries = options[Option::kMaxEntries]) {
        if (pg_strtoint32(entries) <= 0) {
            out_of_range("max_entries", entries, "Give a positive number, or NULL for no limit.");
        }
    }
    if (const char* memory = options[Option::kMaxMemory]) {
        const int64 bytes =
            DatumGetInt64(DirectFunctionCall1(pg_size_bytes, CStringGetTextDatum(memory)));
        if (bytes <= 0) {
            out_of_range("max_memory", memory,
                         "Give a size such as '50MB', or NULL for no limit of its own.");
        }
        const core::StoreStats stats = store().stats();
        if (static_cast<uint64>(bytes) > stats.arena.capacity) {
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("max_memory of %s is larger than the memory of all caches", memory),
                     errdetail("%llu MB are available for values.",
                               static_cast<unsigned long long>(stats.arena.capacity >> 20)),
                     errhint("Raise cache_ext.memory in postgresql.conf and restart the server.")));
        }
    }
    if (const char* budget = options[Option::kBudget]) {
        if (strcmp(budget, cache) == 0) {
            out_of_range("budget", budget, "Name another cache, or NULL for a budget of its own.");
        }
        const Definition* owner = require_definition(budget);
        require_owner(owner);
        if (options[Option::kMaxEntries] != nullptr || options[Option::kMaxMemory] != nullptr) {
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("budget cannot be combined with max_entries or max_memory"),
                     errhint("The limits are those of cache \"%s\"; set both to NULL.", budget)));
        }
        if (owner->budget_id != 0) {
            out_of_range("budget", budget, "That cache shares the budget of another one itself.");
        }
    }
    if (const char* stale = options[Option::kStaleFor]) {
        const int64 ms = checked_interval_ms("stale_for", stale);
        if (ms < 0) out_of_range("stale_for", stale, "Give an interval that is not negative.");
    }
    check_schedule(options);
    if (const char* priority = options[Option::kPriority]) pg_strtoint32(priority);
    if (const char* timeout = options[Option::kLoadTimeout]) {
        const int64 ms = checked_interval_ms("load_timeout", timeout);
        if (ms < 1 || ms > INT_MAX) {
            out_of_range("load_timeout", timeout,
                         "Give an interval from one millisecond to 24 days, or NULL for no limit "
                         "but cache_ext.worker_statement_timeout.");
        }
    }
}

void check_row_loaders(const RowShape& shape, bool has_loader, const bool* given,
                       Options* options) {
    const auto asked = [&](Option o) {
        return given[static_cast<int>(o)] ? (*options)[o] : nullptr;
    };
    if (const char* text = asked(Option::kLoadMany)) {
        check_load_many(text, shape, has_loader, options);
    }
    if (const char* text = asked(Option::kLoadAll)) {
        if (!has_loader) {
            out_of_range("load_all", text, "Give the cache a loader: it loads single keys.");
        }
        (*options)[Option::kLoadAll] = checked_row_loader("load_all", text, shape, false);
    }
    if (const char* text = asked(Option::kWarmKeys)) {
        if (!has_loader) {
            out_of_range("warm_keys", text, "Give the cache a loader: it loads the keys.");
        }
        const RowShape keys = {shape.columns, shape.key_types, InvalidOid};
        check_key_query("warm_keys", text, keys);
    }
}

}  // namespace cache_ext::pg
