// The extension itself in this database: its schemas, tables and trigger function, and what belongs
// to it without being a member.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace cache_ext::pg {

// Where everything is that is no user's name: a member of the extension, in which nobody else can
// create anything.
constexpr const char* kInternalSchema = "cache_ext_internal";

struct Extension {
    Oid oid;
    Oid schema;
    Oid definition_table;
    Oid dependency_table;
    Oid invalidate_trigger;  // the function
    char version[64];        // of its SQL objects, as far as it fits
};

// Looks it up in the catalogs. False: it is not installed here, or parts of it are missing.
bool find_extension(Extension* out);
// Is the library made for SQL objects of this version? For its own, and for those released before.
bool is_known_version(const char* version);
// What is installed is of a version that the library does not know, or its tables are not those of
// that version: says so, with SQLSTATE 55000.
void report_version(int level, const char* version);
// The functions below go by it from now on; nothing in it: the extension is not installed; nothing
// but a version: it cannot be used, and they raise ERROR 55000.
void use_extension(const Extension& extension);
// They look it up again: DROP EXTENSION may come between two steps of whoever uses them.
void forget_extension();
// Is it one of its two tables, as far as is known? No error, no look at the catalogs.
bool is_own_table(Oid relation);

// ERROR 42704 if the extension is not installed in this database, 55000 if it is of a version that
// cannot be used; none where definitions_ready() is true.
Oid extension_oid();
Oid extension_owner();  // asks the catalog
Oid extension_schema();
Oid definition_table();
Oid dependency_table();
Oid invalidate_trigger();

// An object of the extension's schema, and one of the schema of its internals, quoted.
char* in_extension(const char* name);
char* in_internals(const char* name);

// Marks an object so that DROP EXTENSION takes it along.
void depend_on_extension(Oid class_id, Oid object_id);
// Is the function marked so?
bool depends_on_extension(Oid function);
// All functions that are: Oids.
List* functions_of_caches();
// Is one of that name among them, in the extension's schema?
bool is_function_of_cache(const char* name);

}  // namespace cache_ext::pg
