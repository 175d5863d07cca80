// The option groups, as it is given and as it is stored (catalog/key_groups.hpp).
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// The literal of a text[] of groups whose columns go by number, for a key of so many columns with
// these names (nullptr: none are known). `there`: the cache, if it is declared already. ERROR 22023
// for what is no group of that key, 54000 if values would have too many tags.
const char* stored_groups(const char* literal, int columns, const char* const* names,
                          const Definition* there);

// Of the arguments of its accessor, as cache_create has named them; nullptr: it has none.
const char* const* key_names_of(const Definition* definition);

}  // namespace cache_ext::pg
