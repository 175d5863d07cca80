// The options of a cache, once for all who need them: cache_create takes them in this order,
// cache_alter by name, and the columns of cache_definition that hold them lie in this order, too.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "utils/timestamp.h"
}

namespace cache_ext::pg {

enum class Option : int {
    kTtl,
    kRefreshAt,
    kMaxEntries,
    kMaxMemory,
    kBudget,
    kStaleFor,
    kLoadMany,
    kLoadAll,
    kSyncEvery,
    kWarmKeys,
    kWarmEvery,
    kWarmOnInvalidate,
    kPriority,
    kNullTtl,
    kTtlMin,
    kTtlMax,
    kLoadTimeout,
    kWarmWhenIdle,
    kInvalidate,
    kUndeclared,
    kExpires,
    kVaryBy,
    kRunAs,
    kRefreshMin,
    kSameForAll,
    kPinned,
    kRefreshBeta,
    kGroups,
    kCount
};

constexpr int kOptions = static_cast<int>(Option::kCount);

struct OptionInfo {
    const char* name;     // of its column, too
    const char* type;     // of its column
    Oid type_oid;         // the same
    const char* if_null;  // what a NULL stands for; nullptr: itself
    // An interval's milliseconds, or a number. Options of other types have no such range.
    int64 least;
    int64 most;
    const char* hint;  // for a value out of range
};

const OptionInfo& option_info(Option option);

// May an aggregate cache have another value of it than that below? Its values are never old, nobody
// loads many of them at once, and they are the same whoever reads.
bool suits_aggregates(Option option);
// if_null, but nothing is derived: what the loader reads is declared with it.
const char* aggregate_default(Option option);

// 100 years.
constexpr int64 kLongestMs = int64{36525} * (USECS_PER_DAY / 1000);

// Milliseconds of an interval as EXTRACT(epoch ...) counts them: a year is 365.25 days, what months
// it leaves are 30 days each.
int64 interval_ms(const Interval* interval);

inline bool in_range(const OptionInfo& option, int64 value) {
    return value >= option.least && value <= option.most;
}
// The range of refresh_at. (NaN is in none.)
inline bool is_share(double value) {
    return value > 0 && value < 1;
}
// That of refresh_beta.
inline bool is_beta(double value) {
    return value >= 0.001 && value <= 1000;
}

}  // namespace cache_ext::pg
