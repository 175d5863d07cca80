// What the values of a cache depend on, and how that is covered: the rows of cache_check.
#pragma once

#include "pg/base/memory.hpp"
#include "pg/catalog/definitions.hpp"
#include "pg/load/loader_analysis.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace cache_ext::pg {

struct CheckedInput {
    const char* name;
    const char* kind;
    List* columns;  // of char*: which of a table's matter; NIL: all, or it is not known
    const char* covered;
    const char* invalidates;
    const char* more_precise;  // nullptr: nothing is
    bool answered;             // its author has said until when values hold

    // Are values that depend on it old until their ttl, or not cached?
    bool is_bound() const {
        return !answered && (strcmp(covered, "ttl") == 0 || strcmp(covered, "none") == 0);
    }
};

// Of CheckedInput*. Needs shared memory; may read definitions again. ERROR 42704 if there is no
// such cache.
List* checked_inputs(const char* cache);

// --- parts of it (check_tables.cpp) ---

inline List* add_input(List* rows, const CheckedInput& input) {
    auto* row = make<CheckedInput>();
    *row = input;
    return lappend(rows, row);
}

// Tables that are declared, and such columns of theirs whose UPDATE alone does something else.
// `disproven`: what was derived for the cache does not follow from its loader's text any more.
List* declared_inputs(const Definition* definition, const LoaderAnalysis* proven, bool disproven);
// Tables that are tracked for the cache, which has a control block.
List* tracked_inputs(const Definition* definition, const LoaderAnalysis* proven, bool disproven);

}  // namespace cache_ext::pg
