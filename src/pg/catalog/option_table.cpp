#include "pg/catalog/option_table.hpp"

#include <climits>

extern "C" {
#include "catalog/pg_type.h"
}

namespace cache_ext::pg {
namespace {

constexpr int64 kSecond = 1000;
// More often than this would keep a worker busy with nothing else.
constexpr int64 kShortestPeriodMs = kSecond;

constexpr const char* kPeriod = "Give an interval of at least one second, or NULL for never.";
constexpr const char* kOrder = "The order is ttl_min <= ttl <= ttl_max, from one millisecond on.";

constexpr OptionInfo kTable[] = {
    {"ttl", "interval", INTERVALOID, nullptr, 1, kLongestMs,
     "Give an interval of at least one millisecond, or NULL for values that never expire."},
    {"refresh_at", "float8", FLOAT8OID, nullptr, 0, 0,
     "It is a share of ttl between 0 and 1, both excluded, or NULL for no refresh ahead of time."},
    {"max_entries", "int4", INT4OID, nullptr, 1, INT_MAX,
     "Give a positive number, or NULL for no limit."},
    {"max_memory", "text", TEXTOID, nullptr, 0, 0,
     "Give a size such as '50MB', or NULL for no limit of its own."},
    {"budget", "text", TEXTOID, nullptr, 0, 0, nullptr},
    {"stale_for", "interval", INTERVALOID, "0", 0, kLongestMs,
     "Give an interval that is not negative."},
    {"load_many", "text", TEXTOID, nullptr, 0, 0, nullptr},
    {"load_all", "text", TEXTOID, nullptr, 0, 0, nullptr},
    {"sync_every", "interval", INTERVALOID, nullptr, kShortestPeriodMs, kLongestMs, kPeriod},
    {"warm_keys", "text", TEXTOID, nullptr, 0, 0, nullptr},
    {"warm_every", "interval", INTERVALOID, nullptr, kShortestPeriodMs, kLongestMs, kPeriod},
    {"warm_on_invalidate", "bool", BOOLOID, "f", 0, 0, nullptr},
    {"priority", "int4", INT4OID, "0", INT_MIN, INT_MAX, nullptr},
    {"null_ttl", "interval", INTERVALOID, nullptr, 1, kLongestMs,
     "Give an interval of at least one millisecond, or NULL for the ttl of other values."},
    {"ttl_min", "interval", INTERVALOID, nullptr, 1, kLongestMs, kOrder},
    {"ttl_max", "interval", INTERVALOID, nullptr, 1, kLongestMs, kOrder},
    {"load_timeout", "interval", INTERVALOID, nullptr, 1, INT_MAX,
     "Give an interval from one millisecond to 24 days, or NULL for no limit but "
     "cache_ext.worker_statement_timeout."},
    {"warm_when_idle", "bool", BOOLOID, "f", 0, 0, nullptr},
    {"invalidate", "text", TEXTOID, "auto", 0, 0,
     "It is track (tables that nobody has declared are tracked), auto (and what the loader's text "
     "proves is declared), or declared (they are not)."},
    {"undeclared", "text", TEXTOID, "bypass", 0, 0,
     "It is bypass (what depends on something that cannot be tracked is not cached), or ttl (it "
     "lives as long as other values)."},
    {"expires", "text", TEXTOID, nullptr, 0, 0,
     "It is minute, hour, day, week, month, quarter or year, and perhaps a time zone after a "
     "space: "
     "'day Europe/Berlin'; or NULL."},
    {"vary_by", "text[]", TEXTARRAYOID, nullptr, 0, 0, nullptr},
    {"run_as", "text", TEXTOID, "owner", 0, 0,
     "It is owner (the cache's), or reader (whoever reads, with his rights and row security)."},
    {"refresh_min", "interval", INTERVALOID, nullptr, 0, kLongestMs,
     "Give an interval that is not negative, or NULL for the time that a load takes, at least one "
     "second."},
    {"same_for_all", "text[]", TEXTARRAYOID, nullptr, 0, 0,
     "Give the names of settings, as in '{app.org_id}', or '{*}' for all that a loader may ask "
     "for."},
    {"pinned", "bool", BOOLOID, "f", 0, 0, nullptr},
    {"refresh_beta", "float8", FLOAT8OID, nullptr, 0, 0,
     "It is a factor between 0.001 and 1000, usually 1, or NULL: refresh_at alone says when."},
    {"groups", "text[]", TEXTARRAYOID, nullptr, 0, 0,
     "Give a name and columns of the key for each, as in '{user: user_id}'."},
};
static_assert(sizeof(kTable) / sizeof(kTable[0]) == kOptions);

}  // namespace

const OptionInfo& option_info(Option option) {
    return kTable[static_cast<int>(option)];
}

const char* aggregate_default(Option option) {
    return option == Option::kInvalidate ? "track" : option_info(option).if_null;
}

bool suits_aggregates(Option option) {
    switch (option) {
        case Option::kTtl:
        case Option::kRefreshAt:
        case Option::kMaxEntries:
        case Option::kMaxMemory:
        case Option::kBudget:
        case Option::kWarmKeys:
        case Option::kWarmEvery:
        case Option::kPriority:
        case Option::kLoadTimeout:
        case Option::kWarmWhenIdle:
        case Option::kRefreshMin:
        case Option::kPinned:
        case Option::kRefreshBeta:
            return true;
        default:
            return false;
    }
}

int64 interval_ms(const Interval* i) {
    constexpr int64 kDay = USECS_PER_DAY / 1000;
    constexpr auto kYear = static_cast<int64>(DAYS_PER_YEAR * kDay);
    return i->time / 1000 + i->day * kDay + i->month % MONTHS_PER_YEAR * (DAYS_PER_MONTH * kDay) +
           i->month / MONTHS_PER_YEAR * kYear;
}

}  // namespace cache_ext::pg
