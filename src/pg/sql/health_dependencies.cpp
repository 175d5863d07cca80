// cache_health, the check of what caches depend on: do the dependencies still mean what they did?
#include "pg/sql/health.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/load/coverage.hpp"
#include "pg/write/path_checks.hpp"
#include "pg/catalog/standing.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/declare/ddl.hpp"

extern "C" {
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

// Its `columns`, as one more argument.
const char* named_columns_of(const Dependency& path) {
    if (path.all_columns) return "";
    if (path.any_column) return ", '{*}'";
    List* names = NIL;
    for (int i = 0; i < path.column_count; ++i) {
        names = lappend(names, get_attname(path.declared, path.columns[i], false));
    }
    return psprintf(", %s", quote_literal_cstr(array_literal(names)));
}

char* path_fault(const Definition* d) {
    for (int i = 0; i < d->path_count; ++i) {
        const Dependency& path = *d->paths[i];
        if (path.derived || key_query_holds(path)) continue;
        ArrayType* name = qualified_name(path.declared);
        return psprintf(
            "what a key query reads, or its names stand for, has changed; if it is right as it is: "
            "SELECT cache_invalidate_on_path(%s, "
            "%s, %s%s)",
            quote_literal_cstr(d->name),
            quote_literal_cstr(name != nullptr ? name_as_sql(name) : "?"),
            quote_literal_cstr(path.key_query), named_columns_of(path));
    }
    return d->path_lost ? d->widened_text : nullptr;
}

// What was derived from the loader's text and does not follow from it now: it is tracked instead.
// Or *fault: that cannot be found out, so nothing is published. nullptr: all follows from it.
const char* derived_fault(const Definition* d, const char** fault) {
    const Proof proof = proof_of_derived(d);
    const char* again = psprintf("SELECT * FROM cache_declare(%s)", quote_literal_cstr(d->name));
    if (proof == Proof::kFails && !d->tracks) {
        *fault = psprintf("its loader has changed: %s", again);
    } else if (proof == Proof::kFails || is_tracked_instead(d)) {
        return psprintf("tracked since its loader changed, %s makes it precise", again);
    } else if (proof == Proof::kNotFound) {
        *fault = psprintf("what its loader reads cannot be found out: %s says why", again);
    }
    return nullptr;
}

}  // namespace

int begin_short_waits() {
    const int nest = NewGUCNestLevel();
    set_config_option("lock_timeout", "100ms", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                      false);
    return nest;
}

HealthCheck check_dependencies() {
    HealthCheck check = {"dependencies"};
    check.measured = true;
    Names names;
    // Names and numbers of now: looking may make definitions out of date.
    const int count = definition_count();
    auto* all = make_array<const Definition*>(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) all[i] = definition_at(i);
    const int nest = begin_short_waits();
    for (int i = 0; i < count; ++i) {
        const Definition* d = all[i];
        if (!may_see(d)) continue;
        const char* fault = d->lapse != Lapse::kNone && d->lapse != Lapse::kAsk &&
                                    d->lapse != Lapse::kDropped && d->lapse != Lapse::kIncomplete
                                ? d->lapse_text
                                : nullptr;
        if (fault == nullptr) fault = path_fault(d);
        const char* widened = nullptr;
        if (fault == nullptr) widened = derived_fault(d, &fault);
        if (widened == nullptr) widened = d->widened_text;
        check.status = std::max(check.status, fault != nullptr     ? Status::kCritical
                                              : widened != nullptr ? Status::kWarning
                                                                   : Status::kOk);
        if (fault == nullptr) fault = widened;
        if (fault != nullptr) names.add(d, fault);
    }
    AtEOXact_GUC(true, nest);
    check.value = names.count();
    check.detail = names.text("all mean what they did when they were declared");
    return check;
}

}  // namespace cache_ext::pg
