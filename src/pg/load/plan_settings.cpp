#include "pg/load/plan_settings.hpp"

#include <utility>

#include "pg/base/compat.hpp"
#include "pg/catalog/pinned_settings.hpp"
#include "pg/load/run.hpp"

extern "C" {
#include "utils/plancache.h"
}

namespace cache_ext::pg {
namespace {

bool changed = false;
bool renewed = false;  // in a run that has not been left in an orderly way
bool read_differently = false;

struct Watched {
    config_generic* setting;
    bool of_lexer;
    GucBoolAssignHook assign_bool;
    GucIntAssignHook assign_int;
    GucStringAssignHook assign_string;
    GucEnumAssignHook assign_enum;
};
constexpr int kMostWatched = 32;
Watched watched[kMostWatched] = {};
int watched_count = 0;

// In a run a setting that goes back goes to what it was when the reader's session began; one that
// is set to just that looks the same.
void note(int which, bool differs, bool goes_back) {
    changed = true;
    if (watched[which].of_lexer && differs && IsNormalProcessingMode()) read_differently = true;
    const Run* run = innermost_run();
    if (goes_back && run != nullptr && (run->other_defaults & 1U << which) != 0) {
        mark_run(core::Bypass::kSessionSetting);
    }
}

bool same_text(const char* a, const char* b) {
    return a != nullptr && b != nullptr && strcmp(a, b) == 0;
}

template <int kWhich>
void assign_bool(bool value, void* extra) {
    const Watched& w = watched[kWhich];
    const config_bool& v = bool_of(w.setting);
    note(kWhich, *v.variable != value, v.reset_val == value);
    if (w.assign_bool != nullptr) w.assign_bool(value, extra);
}
template <int kWhich>
void assign_int(int value, void* extra) {
    const Watched& w = watched[kWhich];
    const config_int& v = int_of(w.setting);
    note(kWhich, *v.variable != value, v.reset_val == value);
    if (w.assign_int != nullptr) w.assign_int(value, extra);
}
template <int kWhich>
void assign_enum(int value, void* extra) {
    const Watched& w = watched[kWhich];
    const config_enum& v = enum_of(w.setting);
    note(kWhich, *v.variable != value, v.reset_val == value);
    if (w.assign_enum != nullptr) w.assign_enum(value, extra);
}
template <int kWhich>
void assign_string(const char* value, void* extra) {
    const Watched& w = watched[kWhich];
    const config_string& v = string_of(w.setting);
    note(kWhich, !same_text(*v.variable, value), same_text(v.reset_val, value));
    if (w.assign_string != nullptr) w.assign_string(value, extra);
}

bool is_default(config_generic* v) {
    switch (v->vartype) {
        case PGC_BOOL:
            return *bool_of(v).variable == bool_of(v).reset_val;
        case PGC_INT:
            return *int_of(v).variable == int_of(v).reset_val;
        case PGC_ENUM:
            return *enum_of(v).variable == enum_of(v).reset_val;
        case PGC_STRING:
            return same_text(*string_of(v).variable, string_of(v).reset_val);
        case PGC_REAL:
            break;
    }
    return true;
}

struct Hooks {
    GucBoolAssignHook of_bool[kMostWatched];
    GucIntAssignHook of_int[kMostWatched];
    GucEnumAssignHook of_enum[kMostWatched];
    GucStringAssignHook of_string[kMostWatched];
};

template <int... kWhich>
constexpr Hooks all_hooks(std::integer_sequence<int, kWhich...>) {
    return {{assign_bool<kWhich>...},
            {assign_int<kWhich>...},
            {assign_enum<kWhich>...},
            {assign_string<kWhich>...}};
}
constexpr Hooks kHooks = all_hooks(std::make_integer_sequence<int, kMostWatched>());

void watch(config_generic* v, bool of_lexer) {
    const int i = watched_count;
    Watched& w = watched[i];
    w.setting = v;
    w.of_lexer = of_lexer;
    switch (v->vartype) {
        case PGC_BOOL:
            w.assign_bool = std::exchange(bool_of(v).assign_hook, kHooks.of_bool[i]);
            break;
        case PGC_INT:
            w.assign_int = std::exchange(int_of(v).assign_hook, kHooks.of_int[i]);
            break;
        case PGC_ENUM:
            w.assign_enum = std::exchange(enum_of(v).assign_hook, kHooks.of_enum[i]);
            break;
        case PGC_STRING:
            w.assign_string = std::exchange(string_of(v).assign_hook, kHooks.of_string[i]);
            break;
        case PGC_REAL:
            return;  // none is
    }
    ++watched_count;
}

}  // namespace

void note_defaults_of_session() {
    uint32 others = 0;
    for (int i = 0; i < watched_count; ++i) {
        if (!is_default(watched[i].setting)) others |= 1U << i;
    }
    note_other_defaults(others);
}

void renew_plans_after_settings() {
    renewed = renewed && run_depth() > 0;
    if (!std::exchange(changed, false)) return;
    ResetPlanCache();
    renewed = run_depth() > 0;
}

void renew_plans_of_left_runs() {
    if (renewed || changed) ResetPlanCache();
    renewed = renewed && run_depth() > 0;
}

bool statements_read_differently() {
    return read_differently;
}

void install_plan_settings() {
    for (int i = 0; pinned_setting(i) != nullptr && watched_count < kMostWatched; ++i) {
        const char* name = pinned_setting(i);
        if (strcmp(name, "search_path") == 0) continue;  // the server plans anew after that
        config_generic* v = find_setting(name);
        const bool of_lexer = strcmp(name, "standard_conforming_strings") == 0 ||
                              strcmp(name, "backslash_quote") == 0;
        if (v != nullptr) watch(v, of_lexer);
    }
}

}  // namespace cache_ext::pg
