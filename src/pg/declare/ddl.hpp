// Statements that the declaring functions run.
#pragma once

#include "pg/base/extension.hpp"

namespace cache_ext::pg {

// Runs one statement as the current user. SPI must be connected.
void run_sql(const char* sql);
// For the utility hook: is this the statement of run_sql()? True once per statement, so that what
// an event trigger does on its behalf counts as anybody's.
bool take_own_ddl();

// In between, values are written as text, and read, in one form, whatever the session has set. An
// error ends it, too.
int begin_plain_texts();
void end_plain_texts(int nest);

// Runs one statement with text parameters ($1::text, ...; nullptr: NULL) as the owner of `table`,
// one of the extension's own. Returns the number of rows.
constexpr int kMostParameters = 40;
uint64 run_as_owner(Oid table, const char* sql, int count, const char* const* parameters);

// Is this one of those statements? Of what is written into the extension's tables the rest is a
// restore, or somebody's own idea.
bool declaring();

// The text of a text[]: of char*, null for NULL.
const char* array_literal(List* texts);

// Waits for whoever else drops or changes a function or trigger. False: it is not there any more.
bool lock_to_drop(Oid class_id, Oid object_id);
// Drops it as its dependents allow: after that, or if it is still there.
void drop_locked(Oid class_id, Oid object_id);
void drop_object(Oid class_id, Oid object_id);

}  // namespace cache_ext::pg
