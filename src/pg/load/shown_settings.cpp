#include "pg/load/shown_settings.hpp"

#include "pg/base/compat.hpp"
#include "pg/load/hidden_settings.hpp"
#include "pg/load/run.hpp"

#include <utility>

extern "C" {
#include "mb/pg_wchar.h"
}

namespace cache_ext::pg {
namespace {

enum Shown {
    kApplicationName,
    kClientEncoding,
    kIsSuperuser,
    kRole,
    kSessionAuthorization,
    kTransactionIsolation,
    kShownCount
};
constexpr const char* kShownNames[kShownCount] = {"application_name",      "client_encoding",
                                                  "is_superuser",          "role",
                                                  "session_authorization", "transaction_isolation"};
config_generic* shown[kShownCount] = {};
GucShowHook shown_before[kShownCount] = {};

const char* told_in_run(Shown which) {
    // None in the parallel workers of a run.
    const Oid user = innermost_run() != nullptr ? innermost_run()->user : GetUserId();
    switch (which) {
        case kClientEncoding:
            return GetDatabaseEncodingName();
        case kIsSuperuser:
            return superuser_arg(user) ? "on" : "off";
        case kRole:
            return "none";
        case kSessionAuthorization:
            return GetUserNameFromId(user, true);
        case kTransactionIsolation:
            return "read committed";
        case kApplicationName:
        case kShownCount:
            break;
    }
    return "";
}

// What the server shows of a setting without a hook.
const char* plain_text(config_generic* v) {
    switch (v->vartype) {
        case PGC_BOOL:
            return *bool_of(v).variable ? "on" : "off";
        case PGC_STRING: {
            const char* text = *string_of(v).variable;
            return text != nullptr ? text : "";
        }
        case PGC_ENUM:
            return word_for(v, *enum_of(v).variable);
        case PGC_INT:
        case PGC_REAL:
            break;
    }
    return "";
}

const char* show(Shown which) {
    config_generic* v = shown[which];
    if (inside_run() && !set_in_run(v)) {
        const char* text = told_in_run(which);
        return text != nullptr ? text : "";
    }
    return shown_before[which] != nullptr ? shown_before[which]() : plain_text(v);
}

template <int kWhich>
const char* shown_hook() {
    return show(static_cast<Shown>(kWhich));
}

template <int... kWhich>
void list_shown(GucShowHook* hooks, std::integer_sequence<int, kWhich...>) {
    ((hooks[kWhich] = shown_hook<kWhich>), ...);
}

GucShowHook* show_hook_of(config_generic* v) {
    switch (v->vartype) {
        case PGC_BOOL:
            return &bool_of(v).show_hook;
        case PGC_STRING:
            return &string_of(v).show_hook;
        case PGC_ENUM:
            return &enum_of(v).show_hook;
        case PGC_INT:
        case PGC_REAL:
            break;
    }
    return nullptr;
}

}  // namespace

bool is_shown_setting(const char* name) {
    for (const char* shown_name : kShownNames) {
        if (compare_setting_names(shown_name, name) == 0) return true;
    }
    return false;
}

void install_shown_settings() {
    GucShowHook hooks[kShownCount];
    list_shown(hooks, std::make_integer_sequence<int, kShownCount>());
    for (int i = 0; i < kShownCount; ++i) {
        shown[i] = find_setting(kShownNames[i]);
        GucShowHook* hook = shown[i] != nullptr ? show_hook_of(shown[i]) : nullptr;
        if (hook == nullptr) continue;
        shown_before[i] = *hook;
        *hook = hooks[i];
    }
}

}  // namespace cache_ext::pg
