// One row of cache_definition as a definition.
//
// The functions that declare caches check what they write, but rows also come from restores, and
// what a row names can be dropped later. So nothing in a row is believed: whatever is wrong with it
// breaks the cache that it declares, with a reason, and no other.
#pragma once

#include "pg/catalog/definition.hpp"
#include "pg/catalog/trusted_functions.hpp"

extern "C" {
#include "access/htup.h"
#include "access/tupdesc.h"
#include "utils/rel.h"
}

namespace cache_ext::pg {

// A row, deformed.
struct Row {
    Datum values[48];
    bool nulls[48];

    // A null gives nullptr.
    char* string(int i) const;
};

// What a table must look like to be read as one of ours.
struct ExpectedColumn {
    const char* name;
    Oid type;
};
bool has_columns(Oid table, const ExpectedColumn* columns, int count);
bool is_definition_table(Oid table);

// Why it cannot be the name of a cache; nullptr: it can.
const char* name_problem(const char* name);

// The columns of cache_definition that others than the reader of rows need.
extern const int kDefinitionId;
extern const int kDefinitionBudget;
extern const int kDefinitionFunctions;
extern const int kDefinitionAggregate;

// In the current memory context; `d` has been zeroed. With `trust` functions are only taken if they
// are those that the row remembers. Raises no error because of what is in the row.
void read_definition(Oid schema, const Row& row, bool trust, Definition* d);

}  // namespace cache_ext::pg
