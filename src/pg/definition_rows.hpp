// Reading what is declared: rows of the extension's tables become definitions.
#pragma once

#include "pg/definition_row.hpp"
#include "pg/definitions.hpp"

extern "C" {
#include "utils/hsearch.h"
}

namespace cache_ext::pg {

// Everything that one load produced, in one memory context.
struct Definitions {
    MemoryContext context;
    MemoryContextCallback gone;
    Oid extension;
    Oid schema;
    Oid definition_table;
    Oid dependency_table;
    Oid invalidate_trigger;
    int count;
    Definition* all;
    int relation_count;
    RelationDependencies* relations;
    bool lapsed;           // a dependency may stand again when names change
    HTAB* by_relation;     // Oid -> RelationSlot
    Definitions* retired;  // an older load, see definitions.cpp
};

struct RelationSlot {
    Oid relation;
    int index;
};

// Were these tables made by the script that this library goes with? Another version's could be read
// wrongly.
bool tables_are_ours(Oid definition_table, Oid dependency_table);

// What others than the reader of rows need of cache_dependency.
extern const int kDependencyCache;
extern const int kDependencyRelation;
extern const int kDependencyQuery;

// What is wrong with a row of it, for a cache if that is known; nullptr: nothing. What became wrong
// later is no fault: then every change concerns the whole cache.
const char* dependency_fault(const Row& row, const Definition* definition);

// Fills in everything behind the tables' OIDs, in the current memory context. May raise an error.
void read_definitions(Definitions* all);

// Found by exact signature, without the permission checks of a name lookup in a query: readers need
// no USAGE on the loader's schema. InvalidOid: there is none.
Oid find_function(Oid schema, const char* name, int columns, const Oid* types);

// nullptr: no cache of that name.
Definition* find_in(Definitions* all, const char* name);

}  // namespace cache_ext::pg
