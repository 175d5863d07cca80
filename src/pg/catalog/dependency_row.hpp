// One row of cache_dependency, as it applies to its relation and to parts of that. What it meant
// when it was declared is compared with what that is now (standing.hpp).
#pragma once

#include "pg/catalog/definition_row.hpp"

namespace cache_ext::pg {

bool is_dependency_table(Oid table);

// The columns that others than the reader of rows need.
extern const int kDependencyCache;
extern const int kDependencyRelation;
extern const int kDependencyQuery;
extern const int kDependencyMeaning;

// What is wrong with a row, for a cache if that is known; nullptr: nothing. What became wrong later
// is no fault: then every change concerns the whole cache.
const char* dependency_fault(const Row& row, const Definition* definition);

// Notes in `d`, the cache that the row is about, if it does not stand any more. False: its relation
// is not there any more.
bool note_lapses(const Row& row, Definition* d);

// The key columns that the row maps become a tag of the cache's entries. False: they cannot, so
// every change concerns the whole cache.
bool add_tag_of(const Row& row, Definition* d);

// The row as it applies to `relation`, which is the one that it names, or a partition or child;
// `usable` is what add_tag_of says. *out has been zeroed.
void read_dependency(const Row& row, Oid relation, bool usable, Definition* d, Dependency* out);

}  // namespace cache_ext::pg
