#include "pg/load/run.hpp"

#include <iterator>
#include <numeric>
#include <utility>

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
}

namespace cache_ext::pg {
namespace {

using core::Bypass;

// The innermost last. They are looked up by index: what an error has left behind is found by
// drop_runs.
Run* runs = nullptr;
int depth = 0;
int capacity = 0;

// How often each reason has come up in this session. Growing numbers need no restoring: a run
// compares them with what they were when it was entered.
constexpr Bypass kMarks[] = {Bypass::kTemporary, Bypass::kSessionError, Bypass::kSessionSetting};
uint64 marks[std::size(kMarks)] = {};
static_assert(std::size(kMarks) == std::size(Run{}.marks_before));

}  // namespace

bool inside_run() {
    Oid user;
    int security;
    GetUserIdAndSecContext(&user, &security);
    return (security & kInsideRun) != 0;
}

void forbid_in_run(const char* what) {
    if (!inside_run()) return;
    ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
                    errmsg("cannot execute %s in a loader", what)));
}

const Run* innermost_run() {
    return depth > 0 ? &runs[depth - 1] : nullptr;
}

bool begin_asking_for_settings() {
    return !std::exchange(runs[depth - 1].asks_for_settings, true);
}

void note_other_defaults(uint32 settings) {
    runs[depth - 1].other_defaults = settings;
}

bool end_asking_for_settings() {
    return depth > 0 && std::exchange(runs[depth - 1].asks_for_settings, false);
}

void mark_run(Bypass reason) {
    for (size_t i = 0; i < std::size(kMarks); ++i) {
        if (kMarks[i] == reason) ++marks[i];
    }
}

uint64 marks_made() {
    return std::accumulate(marks, marks + std::size(marks), uint64{0});
}

int run_depth() {
    return depth;
}

void push_run(Oid user, int nest) {
    if (depth == capacity) {
        const int more = std::max(4, capacity * 2);
        const size_t size = sizeof(Run) * static_cast<size_t>(more);
        runs = static_cast<Run*>(runs == nullptr ? MemoryContextAlloc(TopMemoryContext, size)
                                                 : repalloc(runs, size));
        capacity = more;
    }
    Run& run = runs[depth++];
    run.user = user;
    run.nest = nest;
    run.level = GetCurrentTransactionNestLevel();
    run.asks_for_settings = false;
    run.other_defaults = 0;
    run.read_only = XactReadOnly;
    std::copy_n(marks, std::size(marks), run.marks_before);
}

Run pop_run() {
    return runs[--depth];
}

Bypass mark_of(const Run& run) {
    for (size_t i = 0; i < std::size(kMarks); ++i) {
        if (marks[i] != run.marks_before[i]) return kMarks[i];
    }
    return Bypass::kNone;
}

void drop_runs(int level) {
    while (depth > 0 && runs[depth - 1].level >= level) XactReadOnly = runs[--depth].read_only;
}

}  // namespace cache_ext::pg
