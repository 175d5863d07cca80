// The keys, measures and filter of cache_create_aggregate: texts, as PostgreSQL's parser reads
// them over the relation.
#pragma once

#include "pg/catalog/aggregates.hpp"

extern "C" {
#include "utils/array.h"
}

namespace cache_ext::pg {

// One element, `name: expression`; without the name it is called after its column or function.
struct NamedKey {
    const char* name;
    Node* expression;  // of the key's type
    Oid type;
};
struct NamedMeasure {
    const char* name;
    Measure measure;
    const char* text;
    const SubscriptingRef* slice;  // of the first ones of a group; nullptr: it is another measure
};

struct AggregateTexts {
    Oid relation;
    int key_count;
    NamedKey* keys;
    int measure_count;
    NamedMeasure* measures;
    Node* filter;  // nullptr: every row
    bool in_row;   // as Aggregate has it
};

// Names mean what they do with pg_catalog alone on the search_path. ERROR, with the text that it is
// about, if one is no such expression, or none that can be kept up to date. `filter` may be
// nullptr.
AggregateTexts read_aggregate_texts(Oid relation, ArrayType* keys, ArrayType* measures,
                                    const char* filter);

// The body of the loader: it returns the parts of all measures (load/aggregate_values) of the rows
// whose keys are $1, $2, ...
const char* loader_body(const AggregateTexts& texts);

}  // namespace cache_ext::pg
