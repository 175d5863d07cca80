// Days, weeks, months of a time zone: for which times is it the same day as now?
//
// By the server's own time zones: the offset of a zone changes at known moments, and between two of
// them its clocks go as fast as all others. So nothing is assumed of days that have 23 or 25 hours,
// begin at one o'clock, or have two midnights.
#pragma once

#include "core/period.hpp"
#include "pg/base/postgres.hpp"

extern "C" {
#include "pgtime.h"
#include "utils/timestamp.h"
}

namespace cache_ext::pg {

enum class Unit : uint8 { kNone, kMinute, kHour, kDay, kWeek, kMonth, kQuarter, kYear };

struct Calendar {
    Unit unit;  // kNone: one time is as good as another
    const pg_tz* zone;
};

enum class CalendarProblem : uint8 { kNone, kUnit, kZone };

// "day", or "day Europe/Berlin". Without a zone it is `zone`.
CalendarProblem read_calendar(const char* text, const char* zone, Calendar* out);

// Does the server's AT TIME ZONE read the name after the unit otherwise? It takes an abbreviation
// (CET) for an offset before it looks for a zone of that name. True where there is none.
bool is_read_alike(const char* text, const Calendar& calendar);

// The times of the same unit. date_trunc() says the same for all of them. Minutes and hours end
// when the clocks are set, too, since what they say comes twice then.
core::Period period_of(const Calendar& calendar, TimestampTz at);

}  // namespace cache_ext::pg
