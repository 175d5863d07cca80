// Elements of the first N of a group (catalog/firsts.hpp) as amounts: the place of what rows are in
// order of in the upper 64 bits, that of what is collected in the lower ones. Where the order goes
// down a place is turned, so the least amount is the first element.
#pragma once

#include "pg/catalog/firsts.hpp"

namespace cache_ext::pg {

// Of one row. False: it is the amount that says that there is none.
bool element_amount(const Measure& measure, Datum value, Datum order, core::Amount* out);

// Lists that the loader has returned, of what is collected and, if the measure has another order,
// of that. Are they such ones: arrays of these types, as long as each other and at most as many as
// are kept, or both NULL?
bool are_lists(const Measure& measure, const Oid* types, const Datum* lists, const bool* nulls);
// Of lists as that says. Fills `out` from its first amount on, as many as there are elements.
// False: amounts cannot tell them, as one has a NULL. ERROR 55000 if they are in another order.
bool elements_of_lists(const Measure& measure, const Datum* lists, core::Amount* out);

// What is collected of the elements, as PostgreSQL makes an array of it: of those that are wanted
// in its list, or of `count` elements.
Datum array_of_list(const Measure& measure, Datum list);
Datum array_of_elements(const Measure& measure, const core::Amount* elements, int count);

}  // namespace cache_ext::pg
