#include "pg/declare/options.hpp"

#include "pg/base/compat.hpp"
#include "pg/catalog/definitions.hpp"
#include "pg/declare/ddl.hpp"
#include "pg/catalog/row_loaders.hpp"
#include "pg/catalog/vary_by.hpp"
#include "pg/base/store_handle.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/float.h"
}

namespace cache_ext::pg {
namespace {

[[noreturn]] void out_of_range(const char* option, const char* value, const char* hint) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("%s of a cache cannot be %s", option, value), errhint("%s", hint)));
    pg_unreachable();
}

int64 checked_interval_ms(Option option, const char* text) {
    const OptionInfo& info = option_info(option);
    const int64 ms = interval_ms(DatumGetIntervalP(DirectFunctionCall3(
        interval_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
    if (in_range(info, ms)) return ms;
    // Most have no limit but the general one, and their hints do not name it.
    const bool too_long = ms > info.most && info.most == kLongestMs;
    out_of_range(info.name, text, too_long ? "The longest is 100 years." : info.hint);
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

// ttl_min <= ttl <= ttl_max.
void check_ttl_bounds(const Options& options) {
    const char* ttl = options[Option::kTtl];
    const int64 ms = ttl != nullptr ? checked_interval_ms(Option::kTtl, ttl) : 0;
    for (const Option o : {Option::kTtlMin, Option::kTtlMax}) {
        const char* bound = options[o];
        if (bound == nullptr) continue;
        const OptionInfo& info = option_info(o);
        if (ttl == nullptr) {
            out_of_range(info.name, bound, "A cache without ttl has nothing to adapt.");
        }
        const int64 bound_ms = checked_interval_ms(o, bound);
        if (o == Option::kTtlMin ? bound_ms > ms : bound_ms < ms) {
            out_of_range(info.name, bound, info.hint);
        }
    }
}

// ERROR if it is no number.
double checked_float(Option option, const Options& options) {
    const char* text = options[option];
    return float8in_internal(const_cast<char*>(text), nullptr, "double precision", text, nullptr);
}

// Each by itself.
void check_ranges(const Options& options) {
    for (int i = 0; i < kOptions; ++i) {
        const auto option = static_cast<Option>(i);
        const OptionInfo& info = option_info(option);
        const char* text = options[option];
        if (text == nullptr) continue;
        if (info.type_oid == INTERVALOID) {
            checked_interval_ms(option, text);
        } else if (info.type_oid == INT4OID && !in_range(info, pg_strtoint32(text))) {
            out_of_range(info.name, text, info.hint);
        }
    }
    if (options[Option::kRefreshAt] != nullptr &&
        !is_share(checked_float(Option::kRefreshAt, options))) {
        out_of_range("refresh_at", options[Option::kRefreshAt],
                     option_info(Option::kRefreshAt).hint);
    }
    if (options[Option::kRefreshBeta] != nullptr &&
        !is_beta(checked_float(Option::kRefreshBeta, options))) {
        out_of_range("refresh_beta", options[Option::kRefreshBeta],
                     option_info(Option::kRefreshBeta).hint);
    }
}

void check_word(Option option, std::initializer_list<const char*> words, const Options& options) {
    const char* given = options[option];
    if (given == nullptr) return;
    for (const char* word : words) {
        if (strcmp(given, word) == 0) return;
    }
    out_of_range(option_info(option).name, given, option_info(option).hint);
}

void check_expires(const char* text) {
    Calendar calendar;
    switch (read_calendar(text, "GMT", &calendar)) {
        case CalendarProblem::kUnit:
            out_of_range("expires", text, option_info(Option::kExpires).hint);
        case CalendarProblem::kZone:
            out_of_range("expires", text,
                         "The server does not know the time zone; pg_timezone_names has those that "
                         "it knows.");
        case CalendarProblem::kNone:
            break;
    }
    if (!is_read_alike(text, calendar)) {
        out_of_range("expires", text,
                     "AT TIME ZONE takes this for an abbreviation, which is another time at other "
                     "seasons. Give the full name of the time zone, such as Europe/Berlin.");
    }
}

void check_max_memory(const char* memory) {
    const int64 bytes =
        DatumGetInt64(DirectFunctionCall1(pg_size_bytes, CStringGetTextDatum(memory)));
    if (bytes <= 0) out_of_range("max_memory", memory, option_info(Option::kMaxMemory).hint);
    const core::StoreStats stats = store().stats();
    if (static_cast<uint64>(bytes) <= stats.arena.capacity) return;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("max_memory of %s is larger than the memory of all caches", memory),
                    errdetail("%llu MB are available for values.",
                              static_cast<unsigned long long>(stats.arena.capacity >> 20)),
                    errhint("Raise cache_ext.memory in postgresql.conf and restart the server.")));
}

void check_budget(const char* cache, const Options& options) {
    const char* budget = options[Option::kBudget];
    if (strcmp(budget, cache) == 0) {
        out_of_range("budget", budget, "Name another cache, or NULL for a budget of its own.");
    }
    require_definition(budget);
    if (options[Option::kMaxEntries] != nullptr || options[Option::kMaxMemory] != nullptr) {
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("budget cannot be combined with max_entries or max_memory"),
                 errhint("The limits are those of cache \"%s\"; set both to NULL.", budget)));
    }
    const char* text = options[Option::kPinned];
    bool pinned = false;
    if (text != nullptr && parse_bool(text, &pinned) && pinned) {
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("budget cannot be combined with pinned"),
                 errhint("Pin cache \"%s\": what shares its budget is pinned with it.", budget)));
    }
}

Datum text_array(const char* literal) {
    return OidFunctionCall3(F_ARRAY_IN, CStringGetDatum(literal), ObjectIdGetDatum(TEXTOID),
                            Int32GetDatum(-1));
}

List* inputs_of(const Options& options) {
    const char* inputs = options[Option::kVaryBy];
    return inputs != nullptr ? option_texts(text_array(inputs), "vary_by") : NIL;
}

// What is there for all keys at once is for one session.
constexpr const char* kReadersOnly =
    "Which values that vary by the session will be wanted only their readers tell.";
// Beyond those that are just settings, or the role, a worker could not be like the reader.
constexpr const char* kNotPlain =
    "Background workers load only what varies by current_setting('app.name', true), current_user "
    "and run_as; the rest is loaded by readers.";

void check_inputs_of(const Options& options) {
    ListCell* cell;
    foreach (cell, inputs_of(options)) {
        const auto* text = static_cast<const char*>(lfirst(cell));
        const SessionInput input = checked_input(text);
        const auto* known = input.setting != nullptr ? find_setting(input.setting) : nullptr;
        if (known != nullptr && (known->flags & GUC_CUSTOM_PLACEHOLDER) == 0) {
            out_of_range("vary_by", text,
                         "That setting is a library's: loaders do not see a session's value.");
        }
    }
}

void check_vary_by(const Options& options) {
    check_inputs_of(options);
    for (const Option o : {Option::kLoadAll, Option::kSyncEvery, Option::kWarmKeys}) {
        if (options[o] != nullptr) out_of_range(option_info(o).name, options[o], kReadersOnly);
    }
    if (others_load(options)) return;
    if (const char* every = options[Option::kWarmEvery]) {
        out_of_range("warm_every", every, kNotPlain);
    }
    for (const Option o : {Option::kWarmOnInvalidate, Option::kWarmWhenIdle}) {
        if (options[o] != nullptr && options[o][0] == 't') {
            out_of_range(option_info(o).name, "true", kNotPlain);
        }
    }
    const char* stale = options[Option::kStaleFor];
    if (stale != nullptr && checked_interval_ms(Option::kStaleFor, stale) > 0) {
        out_of_range("stale_for", stale, kNotPlain);
    }
}

// A name that the server would take.
bool is_name_of_setting(const char* name) {
    return strcmp(name, "*") == 0 || is_custom_setting(name) || find_setting(name) != nullptr;
}

void check_same_for_all(const char* literal) {
    ListCell* cell;
    foreach (cell, option_texts(text_array(literal), "same_for_all")) {
        const auto* name = static_cast<const char*>(lfirst(cell));
        if (!is_name_of_setting(name)) {
            out_of_range("same_for_all", name, option_info(Option::kSameForAll).hint);
        }
    }
}

}  // namespace

bool varies(const Options& options) {
    const char* run_as = options[Option::kRunAs];
    return inputs_of(options) != NIL || (run_as != nullptr && strcmp(run_as, "reader") == 0);
}

bool others_load(const Options& options) {
    ListCell* cell;
    foreach (cell, inputs_of(options)) {
        if (!is_plain_input(static_cast<const char*>(lfirst(cell)))) return false;
    }
    return true;
}

void check_options(const char* cache, const Options& options) {
    const int nest = begin_plain_texts();
    check_ttl_bounds(options);
    check_ranges(options);
    if (varies(options)) check_vary_by(options);
    end_plain_texts(nest);
    if (options[Option::kExpires] != nullptr) check_expires(options[Option::kExpires]);
    if (const char* same = options[Option::kSameForAll]) check_same_for_all(same);
    check_word(Option::kRunAs, {"owner", "reader"}, options);
    check_word(Option::kInvalidate, {"track", "auto", "declared"}, options);
    check_word(Option::kUndeclared, {"bypass", "ttl"}, options);
    if (options[Option::kMaxMemory] != nullptr) check_max_memory(options[Option::kMaxMemory]);
    if (options[Option::kBudget] != nullptr) check_budget(cache, options);
    if (options[Option::kSyncEvery] != nullptr && options[Option::kLoadAll] == nullptr) {
        out_of_range("sync_every", options[Option::kSyncEvery],
                     "Give load_all as well: the function that a sync runs.");
    }
}

void check_aggregate_options(const Options& options) {
    constexpr const char* kHint =
        "Values of an aggregate cache are brought up to date by what writes.";
    for (int i = 0; i < kOptions; ++i) {
        const auto o = static_cast<Option>(i);
        const char* given = options[o];
        const char* usual = aggregate_default(o);
        const OptionInfo& info = option_info(o);
        if (given == nullptr || suits_aggregates(o)) continue;
        // The column may show it in other words.
        const bool same =
            usual != nullptr && (info.type_oid == BOOLOID       ? given[0] == usual[0]
                                 : info.type_oid == INTERVALOID ? checked_interval_ms(o, given) == 0
                                                                : strcmp(given, usual) == 0);
        if (same) continue;
        out_of_range(info.name, given, kHint);
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
