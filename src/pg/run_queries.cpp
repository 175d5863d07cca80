#include "pg/run_queries.hpp"

#include "pg/environment.hpp"

extern "C" {
#include "executor/execdesc.h"
#include "executor/executor.h"
}

namespace cache_ext::pg {
namespace {

ExecutorStart_hook_type previous_start = nullptr;
ExecutorRun_hook_type previous_run = nullptr;

// A query that was begun in a run, for as long as its state lives.
struct Begun {
    Begun* next;
    const QueryDesc* query;
    uint64 run;
    MemoryContextCallback gone;
};
Begun* begun = nullptr;

void forget(void* argument) {
    for (Begun** list = &begun; *list != nullptr; list = &(*list)->next) {
        if (*list != argument) continue;
        *list = (*list)->next;
        return;
    }
}

uint64 run_of(const QueryDesc* query) {
    for (const Begun* b = begun; b != nullptr; b = b->next) {
        if (b->query == query) return b->run;
    }
    return 0;
}

void start(QueryDesc* query, int flags) {
    if (previous_start != nullptr) {
        previous_start(query, flags);
    } else {
        standard_ExecutorStart(query, flags);
    }
    const Run* run = innermost_run();
    if (run == nullptr) return;
    MemoryContext context = query->estate->es_query_cxt;
    auto* b = static_cast<Begun*>(MemoryContextAlloc(context, sizeof(Begun)));
    *b = {begun, query, run->number, {forget, b, nullptr}};
    MemoryContextRegisterResetCallback(context, &b->gone);
    begun = b;
}

void check(const QueryDesc* query) {
    const Run* run = innermost_run();
    const uint64 now = run != nullptr ? run->number : 0;
    if (run_of(query) == now) return;
    ereport(ERROR, (errcode(ERRCODE_INVALID_CURSOR_STATE),
                    now != 0 ? errmsg("a loader cannot use a cursor that was opened outside of it")
                             : errmsg("a cursor that a loader has opened cannot be used outside"),
                    errhint("A loader closes the cursors that it opens, and uses no others.")));
}

void run_query(QueryDesc* query, ScanDirection direction, uint64 count, bool once) {
    if (begun != nullptr || innermost_run() != nullptr) check(query);
    if (previous_run != nullptr) {
        previous_run(query, direction, count, once);
    } else {
        standard_ExecutorRun(query, direction, count, once);
    }
}

}  // namespace

void install_run_queries() {
    previous_start = ExecutorStart_hook;
    ExecutorStart_hook = start;
    previous_run = ExecutorRun_hook;
    ExecutorRun_hook = run_query;
}

}  // namespace cache_ext::pg
