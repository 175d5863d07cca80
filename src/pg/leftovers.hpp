// What is left of caches that are not declared (any more): a dump of the schema alone brings back
// their functions and triggers, but not the rows that declare them.
#pragma once

#include "pg/definitions.hpp"

namespace cache_ext::pg {

// Is there a function cache_get_<name> that was made for a cache?
bool has_left_accessor(const char* name);
// The names of such caches, as char*; those that the current user owns, or all.
List* left_accessors(bool all);

// --- for cache_create; the cache's name is known not to be declared ---

// A function where an accessor is to be made: drops it if it was one, and is the caller's. False:
// it is in the way.
bool drop_left_function(Oid function);
// Dependencies that were declared for the name. SPI must be connected.
void drop_left_dependencies(const char* name);

}  // namespace cache_ext::pg
