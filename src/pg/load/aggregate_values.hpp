// Values of aggregate caches: what their loader returns, what lies in shared memory, and what a
// reader gets.
//
// The loader returns an array of numeric with the parts of each measure: first the measure as
// PostgreSQL computes it (of a date or time its epoch and microseconds, of a boolean 0 or 1), then
// the sum and the number of inputs that it was made of, as far as it was. Where some are the first
// ones of a group, which are lists (catalog/firsts.hpp) and how many are wanted, it returns
// a row of these, and of arrays of what comes between them. In shared memory lie the amounts
// (amounts.hpp). A reader gets a row of the measures.
#pragma once

#include "pg/catalog/aggregates.hpp"

namespace cache_ext::pg {

// The row of the measures. ERROR 55000 if the row type is not what it was, 22003 as PostgreSQL's
// own measure would raise it.
Datum row_of_parts(const Definition* definition, const Aggregate* aggregate, Datum parts);
// Fills `out`, as many as the aggregate has. False: the value cannot be told by amounts: NaN, or
// too large.
bool amounts_of_parts(const Aggregate* aggregate, Datum parts, core::Amount* out);
// The amount of an input of a least or greatest value, to be merged as the lesser one. False: none
// can tell it.
bool extreme_amount(const Measure& measure, Datum value, core::Amount* out);
// False: a measure is out of the range of its type, so that the loader would raise an error; or the
// row that a least or greatest value, or one of the first, came from may be gone. ERROR as above.
bool row_of_amounts(const Definition* definition, const Aggregate* aggregate,
                    const core::Amount* amounts, Datum* row);

}  // namespace cache_ext::pg
