// Where code of a cache's owner runs: loaders, queries that give keys, conversions of its types.
//
// As the owner, read-only, and in an environment that is the same whoever reads: the settings that
// were pinned when the cache was declared, everything else as a new session of the owner in this
// database has it, no temporary objects. What that code sets is undone when it ends.
#pragma once

#include "pg/definitions.hpp"

namespace cache_ext::pg {

// Such a run. It links itself into error_context_stack, so it stays where it was entered. An error
// between enter and leave needs no care: (sub)transaction abort restores what has to be.
struct OwnerScope {
    Oid user;
    int security;
    int nest;
    ErrorContextCallback errors;
};
void enter_owner(const Definition* definition, OwnerScope* scope);
// Why what was computed in there holds for this session only; kCount: it holds for all.
core::Bypass leave_owner(const OwnerScope& scope);

// Does such a scope surround us, whether what is loaded there will be published or not?
bool inside_loader();
// ERROR 25006 in such a scope: `what` writes, and a loader only reads.
void forbid_in_loader(const char* what);

// --- for the parts of the environment ---

// The innermost run.
struct Run {
    uint64 number;  // of the runs of this session, from 1 on
    Oid owner;
    int nest;   // level of the settings made in it, and for it
    int level;  // of the transaction
    uint64 marks_before[3];
};
// nullptr: none.
const Run* innermost_run();
// What is computed in the runs at hand holds for this session only, for one of these reasons.
void mark_run(core::Bypass reason);

void install_environment();
// A subtransaction was rolled back; everything was, or has ended (level 0).
void leave_aborted_runs(int level);

}  // namespace cache_ext::pg
