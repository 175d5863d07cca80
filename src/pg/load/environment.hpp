// Where code of a cache's owner runs: loaders, queries that give keys, conversions of its types.
//
// As the owner, read-only, and in an environment that is the same whoever reads: the settings that
// were pinned when the cache was declared, everything else as a new session of the owner in this
// database has it, no temporary objects, no cursors of the session's. What that code sets is undone
// when it ends, and what it has opened is closed.
#pragma once

#include "pg/load/run.hpp"
#include "pg/load/session_inputs.hpp"

namespace cache_ext::pg {

// Runs `work` so, once; with `passed`, the settings that the cache varies by are what that says.
// What it raises passes through: (sub)transaction abort restores what has to be. Returns why what
// was computed holds for this session only; kNone: it holds for all.
core::Bypass as_owner_of(const Definition* definition, const FromReader& passed,
                         void (*work)(void*), void* argument);
// The same for a lambda; as for all code that may raise an error, nothing in it has a destructor.
template <class Work>
core::Bypass as_owner_of(const Definition* definition, const FromReader& passed, Work work) {
    return as_owner_of(
        definition, passed, [](void* w) { (*static_cast<Work*>(w))(); }, &work);
}
template <class Work>
core::Bypass as_owner_of(const Definition* definition, Work work) {
    return as_owner_of(definition, FromReader{}, work);
}

void install_environment();
// A subtransaction was rolled back; everything was, or has ended (level 0).
void leave_aborted_runs(int level);

}  // namespace cache_ext::pg
