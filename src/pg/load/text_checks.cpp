#include "pg/load/text_checks.hpp"

#include "pg/base/memory.hpp"
#include "pg/load/loader_inputs.hpp"
#include "pg/load/plpgsql_queries.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

using core::Bypass;

// What this session has found out about a cache.
struct TextCheck {
    uint64 cache;
    uint64 generation;  // definitions_generation() of then
    uint64 changes;     // of functions, of then
    List* called;       // Oids: the functions of the load
    List* functions;    // Oids: whose texts were looked at, those and what they call
    bool asks;
    Asked asked;
};
List* checks = NIL;
MemoryContext checks_context = nullptr;

// How often this session has heard of a change of what names of functions, operators and casts
// mean.
uint64 changes = 0;

void note_change(Datum, int, uint32) {
    ++changes;
}

void listen() {
    static bool listens = false;
    if (listens) return;
    listens = true;
    CacheRegisterSyscacheCallback(PROCOID, note_change, 0);
    CacheRegisterSyscacheCallback(NAMESPACEOID, note_change, 0);
    CacheRegisterSyscacheCallback(OPEROID, note_change, 0);
    CacheRegisterSyscacheCallback(CASTSOURCETARGET, note_change, 0);
}

bool is_current(const TextCheck& check) {
    return check.generation == definitions_generation() && check.changes == changes;
}

// Those of other definitions or of other functions are of no use to anybody.
void forget_old_checks() {
    ListCell* cell;
    foreach (cell, checks) {
        if (is_current(*static_cast<TextCheck*>(lfirst(cell)))) return;
    }
    if (checks_context != nullptr) MemoryContextReset(checks_context);
    checks = NIL;
}

bool covers(List* all, List* functions) {
    ListCell* cell;
    foreach (cell, functions) {
        if (!list_member_oid(all, lfirst_oid(cell))) return false;
    }
    return true;
}

// What asks for nothing answers for each of its functions; what asks for something only for a load
// that has called the same ones.
const TextCheck* find_check(uint64 cache, List* called) {
    ListCell* cell;
    foreach (cell, checks) {
        const auto* check = static_cast<TextCheck*>(lfirst(cell));
        if (check->cache != cache || !is_current(*check)) continue;
        if (check->asks ? covers(check->called, called) && covers(called, check->called)
                        : covers(check->functions, called)) {
            return check;
        }
    }
    return nullptr;
}

void keep(const TextCheck& check) {
    forget_old_checks();
    if (checks_context == nullptr) {
        checks_context = AllocSetContextCreate(TopMemoryContext, "cache_ext texts of loaders",
                                               ALLOCSET_SMALL_SIZES);
    }
    MemoryContext old = MemoryContextSwitchTo(checks_context);
    auto* kept = make<TextCheck>();
    *kept = check;
    kept->called = list_copy(check.called);
    kept->functions = list_copy(check.functions);
    if (check.asked.setting != nullptr) kept->asked.setting = pstrdup(check.asked.setting);
    checks = lappend(checks, kept);
    MemoryContextSwitchTo(old);
}

TextCheck look(const Definition* d, List* functions) {
    TextCheck check = {d->id, definitions_generation(), changes, functions, NIL, false, {}};
    ListCell* cell;
    foreach (cell, inputs_by_text(d, functions, &check.functions)) {
        const auto* input = static_cast<const TextInput*>(lfirst(cell));
        if (check.asks || !is_unnamed(d, *input)) continue;
        check.asks = true;
        check.asked = {input->function, input->kind == InputKind::kSetting ? input->name : nullptr};
    }
    return check;
}

bool is_in_plpgsql(Oid function) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return false;
    const bool is = is_plpgsql(tuple);
    ReleaseSysCache(tuple);
    return is;
}

}  // namespace

Bypass text_asks_of_session(const Definition* d, List* functions, Asked* asked) {
    const TextCheck* known = find_check(d->id, functions);
    if (known == nullptr && functions == NIL && !is_in_plpgsql(d->loader)) return Bypass::kNone;
    if (known == nullptr) {
        if (IsInParallelMode()) return Bypass::kOutdatedPath;  // no subtransactions there
        listen();
        MemoryContext work = AllocSetContextCreate(
            CurrentMemoryContext, "cache_ext text of a loader", ALLOCSET_DEFAULT_SIZES);
        MemoryContext old = MemoryContextSwitchTo(work);
        const TextCheck found = look(d, functions);
        MemoryContextSwitchTo(old);
        // Another definition than this load's, or other functions: the next load looks again.
        const bool stands = is_current(found);
        if (stands) keep(found);
        MemoryContextDelete(work);
        known = stands ? find_check(d->id, functions) : nullptr;
    }
    if (known == nullptr) return Bypass::kOutdatedPath;
    *asked = known->asked;
    return known->asks ? Bypass::kSessionInput : Bypass::kNone;
}

}  // namespace cache_ext::pg
