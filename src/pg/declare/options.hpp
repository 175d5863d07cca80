// The options of a cache, as cache_create and cache_alter take them: texts, so that both go through
// the same checks and into the same columns.
#pragma once

#include "pg/catalog/option_table.hpp"
#include "pg/catalog/row_shape.hpp"

namespace cache_ext::pg {

struct Options {
    const char* text[kOptions];  // nullptr: NULL

    const char*& operator[](Option o) { return text[static_cast<int>(o)]; }
    const char* operator[](Option o) const { return text[static_cast<int>(o)]; }
};

// Do values vary by the session?
bool varies(const Options& options);
// Can background workers load them?
bool others_load(const Options& options);

// ERROR 22023 (or the type's own) for a value out of range or combinations that make no sense.
// `cache` is the cache's own name, for messages and to keep it from being its own budget.
void check_options(const char* cache, const Options& options);

// The same for an aggregate cache, which has fewer.
void check_aggregate_options(const Options& options);

// The functions and queries among the options that are `given`: ERROR unless they fit the cache.
// Turns function names into the qualified names that are stored.
void check_row_loaders(const RowShape& shape, bool has_loader, const bool* given, Options* options);

}  // namespace cache_ext::pg
