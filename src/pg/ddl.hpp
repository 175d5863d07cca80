// Statements that the declaring functions run.
#pragma once

#include "pg/postgres.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace cache_ext::pg {

// An object of the extension's schema, and one of the schema of its internals, quoted.
char* in_extension(const char* name);
char* in_internals(const char* name);

// Runs one statement as the current user. SPI must be connected.
void run_sql(const char* sql);
// For the utility hook: is this the statement of run_sql()? True once per statement, so that what
// an event trigger does on its behalf counts as anybody's.
bool take_own_ddl();

// Runs one statement with text parameters ($1::text, ...; nullptr: NULL) as the owner of `table`,
// one of the extension's own. Returns the number of rows.
uint64 run_as_owner(Oid table, const char* sql, int count, const char* const* parameters);

// Is this one of those statements? Of what is written into the extension's tables the rest is a
// restore, or somebody's own idea.
bool declaring();

// The text of a text[]: of char*, null for NULL.
const char* array_literal(List* texts);

// Marks an object so that DROP EXTENSION takes it along.
void depend_on_extension(Oid class_id, Oid object_id);

// Is the function marked so?
bool depends_on_extension(Oid function);

// Drops a function or trigger as its dependents allow.
void drop_object(Oid class_id, Oid object_id);

}  // namespace cache_ext::pg
