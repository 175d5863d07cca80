// Amounts: counts and sums as whole numbers of 128 bits, in units of the last digit that their type
// shows. They are a group: what was added can be taken away again, in any order.
#pragma once

#include "core/account.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Of a numeric with at most `scale` digits behind the point. False: it is not a number, infinite,
// too large, or has more digits.
bool amount_of_numeric(Datum numeric, int scale, core::Amount* out);
// With `scale` digits behind the point. Palloc'ed.
Datum numeric_of_amount(core::Amount amount, int scale);

}  // namespace cache_ext::pg
