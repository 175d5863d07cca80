// What cache_create declares: checked (declaration.cpp), and made into functions
// (accessor_sql.cpp).
#pragma once

#include "pg/catalog/definitions.hpp"
#include "pg/declare/options.hpp"

extern "C" {
#include "utils/array.h"
}

namespace cache_ext::pg {

// What a new cache is made of.
struct Declaration {
    char* name;
    Oid loader;
    int columns;
    Oid key_types[kMaxKeyColumns];
    char* key_names[kMaxKeyColumns];
    Oid value_type;
    char parallel;
    bool aggregates;
};

// ERROR 42602 unless it can be the name of a cache.
char* checked_name(const text* argument);
// ERROR 42710 if there is a cache of that name.
void require_undeclared(const char* name);
// Fills in what follows from a loader, or ERROR 42P13 if it cannot be one.
void read_loader(Oid loader, Declaration* d);
// Fills in the key of a cache without a loader.
void read_types(ArrayType* key_types, Declaration* d);
// ERROR 0A000 for types that cannot be keys or values.
void check_key_types(const Declaration& d);
void check_value_type(Oid type);

// Creates cache_get_<name>, cache_get_many_<name> and those of Writer as they apply, closed to the
// public and tied to the extension; and drops them. SPI must be connected.
void create_accessors(const Declaration& d);
// Of restored ones: lets ALTER change the rows that their values are, as it may with those that
// create_accessors() has made.
void free_row_type(const Definition* d);
void drop_accessors(const Definition* d);
// Creates what an aggregate cache has beside them, cache_sum_<name>, its loader, and returns it;
// and drops that, once the accessors are gone, and the type of its rows, cache_row_<name>.
Oid create_aggregate_loader(const Declaration& d, bool in_row, const char* body);
void drop_aggregate_parts(const Definition* d);
// The accessors and the row of cache_definition. SPI must be connected.
void write_declaration(const Declaration& d, const Options& options);

// The name of one of these that another function, or a type, has, too: calls could mean that one,
// or do, where it is one that was made for the cache and its owner has not become the cache's. It
// happens in a restore, where functions come before the row that says that their names are
// reserved. nullptr: they are alone.
const char* function_beside(const Definition* d);

// The functions by which values get into a cache without a loader. EXECUTE on one is the right to
// call it.
enum class Writer : uint8 {
    kPut,      // cache_put_<name>
    kAdd,      // cache_add_<name>
    kReplace,  // cache_replace_<name>
    kGetOrPut  // cache_get_or_put_<name>
};
// InvalidOid where the cache has a loader, where its name is too long for this one, or where the
// function is another one than was made for it.
Oid writer_function(const Definition* d, Writer writer);

}  // namespace cache_ext::pg
