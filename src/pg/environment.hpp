// Where code of a cache's owner runs: loaders, queries that give keys, conversions of its types.
//
// As the owner, read-only, and in an environment that is the same whoever reads: the settings that
// were pinned when the cache was declared, everything else as a new session of the owner in this
// database has it, no temporary objects, no cursors of the session's. What that code sets is undone
// when it ends, and what it has opened is closed.
#pragma once

#include "pg/definitions.hpp"

namespace cache_ext::pg {

// Runs `work` so, once. What it raises passes through: (sub)transaction abort restores what has to
// be. Returns why what was computed holds for this session only; kNone: it holds for all.
core::Bypass as_owner_of(const Definition* definition, void (*work)(void*), void* argument);
// The same for a lambda; as for all code that may raise an error, nothing in it has a destructor.
template <class Work>
core::Bypass as_owner_of(const Definition* definition, Work work) {
    return as_owner_of(
        definition, [](void* w) { (*static_cast<Work*>(w))(); }, &work);
}

// Does such a run surround us, whether what is loaded there will be published or not?
bool inside_loader();
// ERROR 25006 in such a run: `what` writes, and a loader only reads.
void forbid_in_loader(const char* what);

// --- for the parts of the environment ---

// The innermost run.
struct Run {
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
