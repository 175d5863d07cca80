// What a loader reads of which table, proven from its text: which rows can matter to which key.
//
// For a table whose every mention is restricted by equality with the loader's arguments it gives
// the dependencies that are as good as tracking the table: columns that name the key, or a query
// that finds it. What is not proven stays tracked. docs/guarantees.md has the proof.
#pragma once

#include "pg/load/row_paths.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace cache_ext::pg {

struct LoaderInput {
    Oid relation;
    const char* unproven;  // why nothing is to be declared; nullptr: the mappings are proven
    bool by_hand;          // because somebody has declared something
    List* mappings;        // of RowMapping*: each mention is covered by one
    List* columns;         // of char*: all that is read
    bool all_columns;
};

struct LoaderAnalysis {
    const char* unseen;  // why nothing is proven; nullptr: something may be
    List* inputs;        // of LoaderInput*
};

// As the cache's owner, in the cache's environment. May raise an error of the loader's text.
// `declarer`: only what this role could declare; InvalidOid: whatever is proven.
LoaderAnalysis* analyse_loader(const Definition* definition, Oid declarer);

}  // namespace cache_ext::pg
