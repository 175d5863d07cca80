#include "pg/base/calendar.hpp"

#include <iterator>

extern "C" {
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
}

namespace cache_ext::pg {
namespace {

using core::Micros;
using core::Period;

constexpr struct {
    const char* name;
    Unit unit;
} kUnits[] = {
    {"minute", Unit::kMinute}, {"hour", Unit::kHour},   {"day", Unit::kDay},
    {"week", Unit::kWeek},     {"month", Unit::kMonth}, {"quarter", Unit::kQuarter},
    {"year", Unit::kYear},
};

constexpr int64 kUnixEpoch =
    (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * int64{SECS_PER_DAY};  // seconds before ours
constexpr int64 kWeek = 7 * USECS_PER_DAY;
constexpr int64 kFirstMonday = 2 * USECS_PER_DAY;  // 2000-01-03

int64 floor_to(int64 value, int64 unit) {
    const int64 rest = value % unit;
    return value - (rest < 0 ? rest + unit : rest);
}

int64 midnight_of(int year, int month, int day) {
    return (date2j(year, month, day) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY;
}

int months_of(Unit unit) {
    return unit == Unit::kYear ? 12 : unit == Unit::kQuarter ? 3 : 1;
}

// What a clock on the wall shows, truncated; and what it shows when the next unit begins.
struct Shown {
    int64 begin;
    int64 next;
};
Shown truncated(int64 local, Unit unit) {
    int64 begin;
    switch (unit) {
        case Unit::kMinute:
            begin = floor_to(local, USECS_PER_MINUTE);
            return {begin, begin + USECS_PER_MINUTE};
        case Unit::kHour:
            begin = floor_to(local, USECS_PER_HOUR);
            return {begin, begin + USECS_PER_HOUR};
        case Unit::kDay:
            begin = floor_to(local, USECS_PER_DAY);
            return {begin, begin + USECS_PER_DAY};
        case Unit::kWeek:
            begin = floor_to(local - kFirstMonday, kWeek) + kFirstMonday;
            return {begin, begin + kWeek};
        default:
            break;
    }
    int year, month, day;
    const int64 days = floor_to(local, USECS_PER_DAY) / USECS_PER_DAY;
    j2date(static_cast<int>(days) + POSTGRES_EPOCH_JDATE, &year, &month, &day);
    const int months = months_of(unit);
    const int first = (month - 1) / months * months + 1;
    const bool last_of_year = first + months > 12;
    return {midnight_of(year, first, 1),
            last_of_year ? midnight_of(year + 1, 1, 1) : midnight_of(year, first + months, 1)};
}

// A time during which the zone's offset from UTC is the same.
struct Stretch {
    int64 offset;
    Micros end;  // exclusive
};
Stretch stretch_at(const pg_tz* zone, Micros at) {
    pg_time_t seconds = floor_to(at, USECS_PER_SEC) / USECS_PER_SEC + kUnixEpoch;
    long offset = 0, after = 0;
    int summer, summer_after;
    // What changes may be the name of the time only.
    for (bool first = true;; first = false) {
        pg_time_t boundary = 0;
        long before = 0;
        const int found = pg_next_dst_boundary(&seconds, &before, &summer, &boundary, &after,
                                               &summer_after, zone);
        if (first) offset = before;
        if (found <= 0) return {offset * USECS_PER_SEC, INT64_MAX};
        if (after != offset) {
            return {offset * USECS_PER_SEC, (boundary - kUnixEpoch) * USECS_PER_SEC};
        }
        seconds = boundary;
    }
}

bool ends_with_stretch(Unit unit) {
    return unit == Unit::kMinute || unit == Unit::kHour;
}

// From there on a search for the beginning of a unit cannot miss it.
Micros well_before(Micros at, Unit unit) {
    const int64 days = unit <= Unit::kDay ? 3 : unit == Unit::kWeek ? 10 : 370;
    return at - days * USECS_PER_DAY;
}

// From stretch to stretch: where the clock begins to show what it shows at `at`, and goes on until
// then.
Micros begin_of(const Calendar& c, Micros at) {
    Micros from = well_before(at, c.unit), since = from;
    bool any = false;
    for (int64 shown = 0;;) {
        const Stretch s = stretch_at(c.zone, from);
        const Micros last = std::min(s.end - 1, at);
        const int64 first_shown = truncated(from + s.offset, c.unit).begin;
        if (!any || first_shown != shown || ends_with_stretch(c.unit)) since = from;
        shown = truncated(last + s.offset, c.unit).begin;
        any = true;
        if (shown != first_shown) since = shown - s.offset;
        if (s.end > at) return since;
        from = s.end;
    }
}

Micros end_of(const Calendar& c, Micros at) {
    Stretch s = stretch_at(c.zone, at);
    const Shown now = truncated(at + s.offset, c.unit);
    for (;;) {
        const Micros end = now.next - s.offset;
        if (end < s.end) return end;  // at midnight clocks may be set back by an hour
        const Micros set = s.end;
        if (ends_with_stretch(c.unit)) return set;
        s = stretch_at(c.zone, set);
        if (truncated(set + s.offset, c.unit).begin != now.begin) return set;
    }
}

}  // namespace

CalendarProblem read_calendar(const char* text, const char* zone, Calendar* out) {
    const size_t length = strcspn(text, " ");
    const char* named = text + length + strspn(text + length, " ");
    if (*named != '\0') zone = named;
    *out = {Unit::kNone, nullptr};
    for (const auto& unit : kUnits) {
        if (strlen(unit.name) == length && pg_strncasecmp(unit.name, text, length) == 0) {
            out->unit = unit.unit;
        }
    }
    if (out->unit == Unit::kNone) return CalendarProblem::kUnit;
    pg_tz* found = zone != nullptr ? pg_tzset(zone) : nullptr;
    if (found == nullptr || !pg_tz_acceptable(found)) {
        *out = {Unit::kNone, nullptr};
        return CalendarProblem::kZone;
    }
    out->zone = found;
    return CalendarProblem::kNone;
}

bool is_read_alike(const char* text, const Calendar& calendar) {
    const char* named = text + strcspn(text, " ");
    named += strspn(named, " ");
    if (*named == '\0') return true;
    constexpr int64 kStep = 50 * USECS_PER_DAY;
    const Micros now = GetCurrentTransactionStartTimestamp();
    for (Micros at = now; at < now + 8 * kStep; at += kStep) {
        const Timestamp shown = DatumGetTimestamp(DirectFunctionCall2(
            timestamptz_zone, CStringGetTextDatum(named), TimestampTzGetDatum(at)));
        if (shown != at + stretch_at(calendar.zone, at).offset) return false;
    }
    return true;
}

core::Period period_of(const Calendar& calendar, TimestampTz at) {
    if (calendar.unit == Unit::kNone) return Period::always();
    // Many values of one calendar are loaded on one day. Zones stay where they are.
    static struct {
        Calendar of;
        Period period;
    } known[8] = {};
    static uint32 next = 0;
    for (const auto& k : known) {
        if (k.of.unit == calendar.unit && k.of.zone == calendar.zone && k.period.holds(at)) {
            return k.period;
        }
    }
    const Period period = {begin_of(calendar, at), end_of(calendar, at)};
    known[next++ % std::size(known)] = {calendar, period};
    return period;
}

}  // namespace cache_ext::pg
