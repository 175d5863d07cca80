// Runs of code of a cache's owner (environment.hpp): which ones the session is in, and what makes
// their values good for this session only.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// Does a run surround us, whether what is loaded there will be published or not?
bool inside_run();
// ERROR 25006 in a run: `what` writes, and a loader only reads.
void forbid_in_run(const char* what);

// The innermost run.
struct Run {
    Oid user;   // whom it runs as
    int nest;   // level of the settings made in it, and for it
    int level;  // of the transaction
    uint64 marks_before[3];
    uint32 other_defaults;  // settings that would go back to what only this session began with
    bool asks_for_settings;
    bool read_only;  // was the transaction, before
};
// nullptr: none.
const Run* innermost_run();
void note_other_defaults(uint32 settings);
// Whether this is the first time that it is called for the innermost run.
bool begin_asking_for_settings();
// Whether it has been called for it; lets the next call be the first one again.
bool end_asking_for_settings();
// What is computed in the runs at hand holds for this session only, for one of these reasons.
void mark_run(core::Bypass reason);
// How often that was said in this session.
uint64 marks_made();

// --- for environment.cpp, which enters and leaves them ---

// A bit of the security context that the server does not use: (sub)transaction abort restores it,
// and functions that a loader calls inherit it.
constexpr int kInsideRun = 1 << 16;

// How many have been entered and not left.
int run_depth();
// `nest`: of its settings.
void push_run(Oid user, int nest);
Run pop_run();
// Why what was computed in the run holds for this session only; kNone: it holds for all.
core::Bypass mark_of(const Run& run);
// An error has left them behind, which puts back what the transaction was before: those that a
// transaction of that level or a deeper one has begun.
void drop_runs(int level);

}  // namespace cache_ext::pg
