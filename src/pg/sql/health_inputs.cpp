// cache_health, the check of inputs: caches whose values are older than their ttl alone says, or
// are not cached, because of something that they depend on and that nobody announces.
#include "pg/sql/health.hpp"

#include "pg/base/apart.hpp"
#include "pg/base/memory.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/sql/check.hpp"

extern "C" {
#include "utils/guc.h"
#include "utils/memutils.h"
}

namespace cache_ext::pg {
namespace {

// What a loader asks its session or the clock for is its author's choice: it is named, and is no
// fault.
bool is_chosen(const CheckedInput& input) {
    return strcmp(input.kind, "time") == 0 || strcmp(input.kind, "setting") == 0 ||
           strcmp(input.kind, "role") == 0;
}

// Of others the check of declarations tells.
bool is_usable(const Definition* d) {
    return d->broken == nullptr && OidIsValid(d->accessor) && !d->accessor_taken &&
           !d->loader_taken && d->session->index != core::kNoCache;
}

const char* told(const CheckedInput& input) {
    const char* why = input.invalidates;
    constexpr const char* kNothing = "nothing: ";
    if (strncmp(why, kNothing, strlen(kNothing)) == 0) why += strlen(kNothing);
    if (is_chosen(input)) return psprintf("%s (%s)", input.name, why);
    return psprintf("%s (%s), %s", input.name, why,
                    strcmp(input.covered, "ttl") == 0
                        ? "old values are served until their ttl has passed"
                        : "values that read it are not cached");
}

// The first one of the cache's inputs that is bound, faults first.
const CheckedInput* worst(List* inputs) {
    const CheckedInput* chosen = nullptr;
    ListCell* cell;
    foreach (cell, inputs) {
        const auto* input = static_cast<const CheckedInput*>(lfirst(cell));
        if (!input->is_bound()) continue;
        if (!is_chosen(*input)) return input;
        if (chosen == nullptr) chosen = input;
    }
    return chosen;
}

}  // namespace

HealthCheck check_inputs() {
    HealthCheck check = {"inputs"};
    check.measured = true;
    Names faults, chosen;
    List* caches = NIL;
    const int count = definition_count();
    find_control_blocks();
    for (int i = 0; i < count; ++i) {
        const Definition* d = definition_at(i);
        if (may_see(d) && is_usable(d)) caches = lappend(caches, pstrdup(d->name));
    }
    MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "cache_ext inputs of a cache",
                                               ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(work);
    const int nest = begin_short_waits();
    ListCell* cell;
    foreach (cell, caches) {
        const auto* name = static_cast<const char*>(lfirst(cell));
        const CheckedInput* input = nullptr;
        apart([&] { input = worst(checked_inputs(name)); });
        if (input != nullptr) (is_chosen(*input) ? chosen : faults).add(name, told(*input));
        MemoryContextReset(work);
    }
    AtEOXact_GUC(true, nest);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(work);
    check.value = faults.count() + chosen.count();
    if (faults.count() > 0) check.status = Status::kWarning;
    const char* text = faults.text(
        chosen.count() > 0 ? nullptr : "changes of all that loaders have read are noticed");
    check.detail = chosen.count() == 0 ? text
                   : text == nullptr   ? chosen.text(nullptr)
                                       : psprintf("%s; %s", text, chosen.text(nullptr));
    return check;
}

}  // namespace cache_ext::pg
