// Groups of keys: named parts of the key of one or more caches (option groups), by which all that
// belongs to one user, say, can be invalidated at once. As stored: "user: 1", "place: 2, 3".
#pragma once

#include "pg/catalog/keys.hpp"

namespace cache_ext::pg {

struct KeyGroup {
    const char* name;
    int count;  // of columns
    int columns[kMaxKeyColumns];
    ColumnMask mask;
};

// Reads "name: column, ..." for a key of so many columns; these go by numbers from 1 on, and by
// `names` if there are any. What is made is palloc'ed. Returns what is wrong; nullptr: nothing.
const char* read_group(const char* text, int columns, const char* const* names, KeyGroup* out);
// As it is stored.
char* stored_group(const KeyGroup& group);

}  // namespace cache_ext::pg
