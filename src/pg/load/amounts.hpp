// Amounts: counts, sums and values as whole numbers of 128 bits, in units of the last digit that
// their type shows. Counts and sums are a group: what was added can be taken away again, in any
// order. Values are in the order of their type.
#pragma once

#include "core/account.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Of a numeric with at most `scale` digits behind the point. False: it is not a number, infinite,
// too large, or has more digits.
bool amount_of_numeric(Datum numeric, int scale, core::Amount* out);
// With `scale` digits behind the point. Palloc'ed.
Datum numeric_of_amount(core::Amount amount, int scale);

// Of a value of a type that measures are made of: a whole number, an OID, a date or time
// (`infinity` is the last one of its type), a boolean (0 or 1), or numeric of that scale. False: as
// above.
bool amount_of_value(Oid type, Datum value, int scale, core::Amount* out);
// The other way round. False: the type has no such value.
bool value_of_amount(Oid type, core::Amount amount, int scale, Datum* out);
// The date of which EXTRACT(epoch FROM it) makes this numeric.
Datum date_of_epoch(Datum epoch);
// The time of which that and EXTRACT(microseconds FROM it), which is 0 if it is infinite, make
// these: after the year 294246 PostgreSQL rounds the epoch to four digits.
Datum time_of_epoch(Datum epoch, Datum microseconds);

}  // namespace cache_ext::pg
