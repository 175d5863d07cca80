// Key queries that unique indexes answer: from the changed row to one row of a table, by a unique
// index of it, from there to one of the next, and what these rows hold is the key.
//
// Such a query is not run. Its lookups need neither the executor nor the environment of the cache's
// owner, as nothing in them depends on that: they compare values of built-in types for equality by
// their indexes, and read columns. So no code of users runs, and no row-level security applies.
#pragma once

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "executor/spi.h"
}

namespace cache_ext::pg {

constexpr int kMaxIndexSteps = 4;
constexpr int kMaxIndexKeys = 4;

// Where a value comes from.
struct IndexSource {
    static constexpr int kRow = -1;   // the changed row
    static constexpr int kNull = -2;  // it is NULL
    int step;                         // or the row that this step has found
    int column;
};

// The index column at this place of a step's list is equal to a value.
struct IndexKey {
    IndexSource from;
    Oid type;  // of the value
    Oid equality;
    Oid collation;
};

struct IndexStep {
    Oid relation;
    Oid index;
    int key_count;
    IndexKey keys[kMaxIndexKeys];
};

struct IndexPath {
    int step_count;
    IndexStep steps[kMaxIndexSteps];
    IndexSource result[kMaxKeyColumns];  // by key column
};

// As the query is analysed now, of a key of so many columns. False: it has to be run. Locks the
// tables that it reads.
bool index_path(SPIPlanPtr plan, int columns, IndexPath* path);

// Do both find the same rows?
bool same_steps(const IndexPath& a, const IndexPath& b);

}  // namespace cache_ext::pg
