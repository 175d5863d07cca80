// Tables whose rows have an instant, and a cache of keys between whose columns it lies: whole days
// compared with timestamps, partitioned by them; and days, both ends included.
#pragma once

#include <string>

#include "connection.hpp"

namespace consistency {

inline constexpr int kVisits = 96;
inline constexpr int kVisitDays = 40;  // that rows are of
inline constexpr int kPeriods = 6;     // of each organisation

// As SQL: that many half days, or days, after the first one. PostgreSQL counts from 2000 on, so
// some are negative.
std::string half_day(int n);
std::string day(int n);

void make_period_tables(Connection* connection);
void declare_period_caches(Connection* connection);

// Of the accessor, for one key: the organisation, and a period of ten days, of which the next one
// shares five; the last one has no end.
std::string period_arguments(const std::string& key);
// What the loader returns behind the name of its meaning.
const char* period_query();

}  // namespace consistency
