// Reading what is declared: rows of the extension's tables become definitions.
#pragma once

#include "pg/catalog/definition_row.hpp"
#include "pg/base/extension.hpp"

extern "C" {
#include "utils/hsearch.h"
}

namespace cache_ext::pg {

// Everything that one reading produced, in one memory context.
struct Definitions {
    MemoryContext context;
    MemoryContextCallback gone;
    Extension extension;
    int count;
    Definition* all;
    int relation_count;
    RelationDependencies* relations;
    bool lapsed;           // a dependency may stand again when names change
    HTAB* by_relation;     // Oid -> RelationSlot
    Definitions* retired;  // an older one, see definitions.cpp
};

struct RelationSlot {
    Oid relation;
    int index;
};

// Were these tables made by the script that this library goes with? Another version's could be read
// wrongly.
bool tables_are_ours(Oid definition_table, Oid dependency_table);

// Fills in what is declared, in the current memory context. May raise an error.
void read_definitions(Definitions* all);

// nullptr: no cache of that name.
Definition* find_in(Definitions* all, const char* name);

}  // namespace cache_ext::pg
