// What has been declared in this database, as this backend knows it.
//
// Read from the extension's tables under a catalog snapshot and kept until one of them, a relation
// that a dependency names, or a function changes. A definition never changes while somebody uses
// it: reading again makes new ones, and the old ones live until nobody up the stack can use them,
// or the transaction ends.
#pragma once

#include "pg/catalog/definition.hpp"
#include "pg/base/extension.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/base/snapshots.hpp"

namespace cache_ext::pg {

// See definitions_generation().
extern uint64 generation_of_definitions;

// Reads them if they are not known. False: the extension is not installed in this database, or is
// of a version that the library does not know; once per session that is a WARNING. Nothing is
// cached then, and nothing is known of what was, so every commit invalidates all of it.
bool definitions_ready();

// Is the extension, if it is installed, of a version that the library knows?
bool definitions_usable();

// Like definitions_ready() for who must not wait for a lock on the extension's tables: ERROR 55P03
// instead; and ERROR 55000 where they are of a version that the library does not know.
void read_definitions_without_waiting();

// While a transaction commits: what is known stays as it is, and nothing is read any more.
void hold_definitions(bool hold);

// Does this backend know, without asking, what is declared (or that nothing is)? Never where the
// extension is of a version that the library does not know.
bool definitions_known();

// Grows whenever definitions are out of date, are read again, or somebody's right to execute an
// accessor may have changed; what was found out under another number is stale, pointers included.
// Never 0.
inline uint64 definitions_generation() {
    return generation_of_definitions;
}

// nullptr: no such cache.
const Definition* find_definition(const char* name);
const Definition* find_definition_by_id(uint64 id);
// ERROR 42704 with a hint if there is none.
const Definition* require_definition(const char* name);
// The same for a name of `size` bytes without an end. Fast for a name that was asked for lately.
const Definition* require_definition(const char* name, size_t size);

int definition_count();
const Definition* definition_at(int i);

// nullptr: nothing depends on it.
const RelationDependencies* dependencies_of(Oid relation);
// Does the cache depend on the relation by a declaration? A table that a path only leads through
// announces what moves keys, not all that a loader may read there.
// Nor does it where something that was derived for the relation is of a derivation up to
// `disproven`.
bool is_declared_for(uint64 cache, Oid relation, uint64 disproven = 0);
// All relations that something depends on, for the check at commit.
int dependency_relation_count();
const RelationDependencies& dependency_relation_at(int i);

// Definitions that have been invalidated, or were read under a snapshot that missed a hard writer
// of the cache, are out of date; reads them again if so, and returns the one that replaces
// `definition` (nullptr: it was dropped).
const Definition* refresh_if_older(const Definition* definition);

// Whoever declares keeps the extension until the transaction ends: DROP EXTENSION waits for it, and
// it for that. ERROR 42704 if the extension is not installed in this database, 55000 if it cannot
// be used.
void require_extension();
// The same; false instead of an error.
bool keep_extension();
// For whoever drops the extension, before he locks anything else.
void lock_extension(Oid extension, LOCKMODE mode);

void install_definition_callbacks();
// What was read inside a transaction that had written may be what it had made of the catalogs.
void transaction_aborted_for_definitions();
// This transaction changes what definitions are made of: what it reads goes when it, or a part of
// it, is rolled back.
void note_ddl();
// Has it, since it began?
bool ddl_noted();
void transaction_ended_for_definitions();
// At the end of a transaction: frees what earlier readings have left.
void free_retired_definitions();

// Around every call of somebody's code (loaders, queries, casts, input and output functions) by who
// goes on using definitions afterwards. Errors are taken care of.
void enter_user_code();
void leave_user_code();
// Where a function of ours begins, and has not got a definition yet: frees earlier readings that
// nobody up the stack can use any more, so that a transaction that runs long beside DDL, or does
// much of it, keeps but a few.
void forget_unused_definitions();
void subtransaction_started_for_definitions(int level);
void subtransaction_aborted_for_definitions(int level);
void invalidate_definitions();
// There was no free control block, but some may have been left behind: once this transaction ends
// definitions are read again, which gives them back. (Not before: somebody up the stack may walk
// through them.)
void read_definitions_after_transaction();
bool definitions_to_be_read();
// For whoever has to know which dependencies have lost their names, without a fill that would find
// out.
void notice_changed_names();

}  // namespace cache_ext::pg
