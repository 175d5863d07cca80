#include "pg/catalog/tally.hpp"

#include <utility>

extern "C" {
#include "utils/memutils.h"
}

namespace cache_ext::pg {

Tally* innermost_tally = nullptr;

struct Tally {
    Tally* outer;
    MemoryContext context;
    MemoryContextCallback gone;
    TallyRow* first;
    TallyRow** end;
};

namespace {

// Also where an error has ended the statement.
void end(void* tally) {
    for (Tally** t = &innermost_tally; *t != nullptr; t = &(*t)->outer) {
        if (*t != tally) continue;
        *t = (*t)->outer;
        return;
    }
}

TallyRow* row_of(Tally* t, const Definition* d) {
    for (TallyRow* r = t->first; r != nullptr; r = r->next) {
        if (r->id == d->id) return r;
    }
    auto* r = static_cast<TallyRow*>(MemoryContextAllocZero(t->context, sizeof(TallyRow)));
    r->id = d->id;
    r->name = MemoryContextStrdup(t->context, d->name);
    *t->end = r;
    t->end = &r->next;
    return r;
}

}  // namespace

Tally* begin_tally() {
    auto* t = static_cast<Tally*>(palloc0(sizeof(Tally)));
    t->outer = innermost_tally;
    t->context = CurrentMemoryContext;
    t->end = &t->first;
    t->gone.func = end;
    t->gone.arg = t;
    MemoryContextRegisterResetCallback(CurrentMemoryContext, &t->gone);
    innermost_tally = t;
    return t;
}

const TallyRow* take_tally(Tally* t) {
    t->end = &t->first;
    return std::exchange(t->first, nullptr);
}

void tally(const Definition* d, core::Counter counter, uint64 n) {
    for (Tally* t = innermost_tally; t != nullptr; t = t->outer) {
        row_of(t, d)->value[static_cast<uint32>(counter)] += n;
    }
}

void tally_bypass(const Definition* d, core::Bypass reason) {
    if (reason == core::Bypass::kNone) return;
    tally(d, core::Counter::kBypasses, 1);
    for (Tally* t = innermost_tally; t != nullptr; t = t->outer) {
        ++row_of(t, d)->bypass[static_cast<uint32>(reason)];
    }
}

}  // namespace cache_ext::pg
