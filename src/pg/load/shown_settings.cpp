#include "pg/load/shown_settings.hpp"

#include "pg/load/find_setting.hpp"
#include "pg/load/run.hpp"

#include <utility>

extern "C" {
#include "mb/pg_wchar.h"
}

namespace cache_ext::pg {
namespace {

// Did the run at hand set it?
bool set_in_run(const config_generic* v) {
    const Run* run = innermost_run();
    return run != nullptr && v->stack != nullptr && v->stack->nest_level >= run->nest;
}

// --- custom settings that only this session has ---

// Behind the name of one that is to be unknown. Such a name comes right after the name itself, so
// the server's table stays in order; parallel workers can take it over; nobody asks for it.
constexpr char kSuffix[] = "$$$$hidden";

struct Renamed {
    Renamed* next;
    const char* name;
    const char* alias;
    int depth;  // of the run
};
Renamed* renamed = nullptr;

// Takes over from a placeholder once settings may be set.
struct HandOver {
    HandOver* next;
    const char* name;
    const char* value;
    GucContext context;
    GucSource source;
};
HandOver* to_hand_over = nullptr;

char* alias_of(const char* name) {
    const size_t size = strlen(name) + sizeof(kSuffix);
    auto* alias = static_cast<char*>(MemoryContextAlloc(TopMemoryContext, size));
    snprintf(alias, size, "%s%s", name, kSuffix);
    // The order does not see this, but a library that reserves its prefix does: it would remove
    // what is not its own.
    for (char* c = alias; *c != '\0' && *c != '.'; ++c) {
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')) *c ^= 'a' - 'A';
    }
    return alias;
}

const Renamed* renamed_to(const char* alias) {
    for (const Renamed* r = renamed; r != nullptr; r = r->next) {
        if (r->alias == alias) return r;
    }
    return nullptr;
}

void hand_over_later(const config_string* v, const char* name) {
    if (*v->variable == nullptr || v->gen.source <= PGC_S_OVERRIDE) return;
    MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
    auto* h = static_cast<HandOver*>(palloc(sizeof(HandOver)));
    *h = {to_hand_over, name, pstrdup(*v->variable), v->gen.scontext, v->gen.source};
    MemoryContextSwitchTo(old);
    to_hand_over = h;
}

// Gives a setting its name back. If the run has made another one of that name, one of them keeps
// the other name for good: there is no way to remove a setting.
void name_again(config_generic** all, int place, const Renamed* r) {
    config_generic* v = all[place];
    config_generic* other = find_setting(r->name);
    if (other == nullptr) {
        v->name = r->name;
    } else if ((other->flags & GUC_CUSTOM_PLACEHOLDER) != 0) {
        *std::find(all, all + place, other) = v;
        v->name = r->name;
        all[place] = other;
        other->name = r->alias;
    } else {
        hand_over_later(reinterpret_cast<config_string*>(v), r->name);
    }
}

// Where one of that kind is left, a show hook must do. It is not told what it is asked for, so each
// setting has one of its own.
constexpr int kMostVeiled = 32;
config_string* veiled[kMostVeiled] = {};
int veiled_by[kMostVeiled] = {};  // the run of this depth
int veiled_count = 0;
bool workers_would_see = false;
bool veil_seen = false;

const char* show_veiled(int which) {
    const config_string* v = veiled[which];
    const bool own = innermost_run() == nullptr || set_in_run(&v->gen);
    if (own) return *v->variable != nullptr ? *v->variable : "";
    veil_seen = true;
    mark_run(core::Bypass::kSessionSetting);
    return "";
}

template <int kWhich>
const char* veil() {
    return show_veiled(kWhich);
}

template <int... kWhich>
void list_veils(GucShowHook* hooks, std::integer_sequence<int, kWhich...>) {
    ((hooks[kWhich] = veil<kWhich>), ...);
}

GucShowHook veils[kMostVeiled];

// Which one it has, or -1.
int veil_of(const config_generic* v) {
    if (v->vartype != PGC_STRING || (v->flags & GUC_CUSTOM_PLACEHOLDER) == 0) return -1;
    const GucShowHook hook = reinterpret_cast<const config_string*>(v)->show_hook;
    const GucShowHook* found = std::find(veils, veils + veiled_count, hook);
    return found != veils + veiled_count ? static_cast<int>(found - veils) : -1;
}

bool is_veiled(const config_generic* v) {
    return veil_of(v) >= 0;
}

// --- what every session has, and has its own of ---

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
    const Oid owner = innermost_run() != nullptr ? innermost_run()->owner : GetUserId();
    switch (which) {
        case kClientEncoding:
            return GetDatabaseEncodingName();
        case kIsSuperuser:
            return superuser_arg(owner) ? "on" : "off";
        case kRole:
            return "none";
        case kSessionAuthorization:
            return GetUserNameFromId(owner, true);
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
            return *reinterpret_cast<config_bool*>(v)->variable ? "on" : "off";
        case PGC_STRING: {
            const char* text = *reinterpret_cast<config_string*>(v)->variable;
            return text != nullptr ? text : "";
        }
        case PGC_ENUM: {
            auto* e = reinterpret_cast<config_enum*>(v);
            return config_enum_lookup_by_value(e, *e->variable);
        }
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
            return &reinterpret_cast<config_bool*>(v)->show_hook;
        case PGC_STRING:
            return &reinterpret_cast<config_string*>(v)->show_hook;
        case PGC_ENUM:
            return &reinterpret_cast<config_enum*>(v)->show_hook;
        case PGC_INT:
        case PGC_REAL:
            break;
    }
    return nullptr;
}

}  // namespace

bool is_hidden_setting(const config_generic* v) {
    const size_t length = strlen(v->name), suffix = sizeof(kSuffix) - 1;
    return is_veiled(v) || (length > suffix && strcmp(v->name + length - suffix, kSuffix) == 0);
}

void hide_setting(config_generic* v, int depth) {
    char* alias = alias_of(v->name);
    if (find_setting(alias) == nullptr) {
        auto* r = static_cast<Renamed*>(MemoryContextAlloc(TopMemoryContext, sizeof(Renamed)));
        *r = {renamed, v->name, alias, depth};
        renamed = r;
        v->name = alias;
        return;
    }
    pfree(alias);
    workers_would_see = workers_would_see || v->source != PGC_S_DEFAULT;
    if (veiled_count == kMostVeiled) {
        mark_run(core::Bypass::kSessionSetting);
        return;
    }
    auto* s = reinterpret_cast<config_string*>(v);
    veiled[veiled_count] = s;
    veiled_by[veiled_count] = depth;
    s->show_hook = veils[veiled_count];
    ++veiled_count;
}

bool settings_cannot_be_hidden() {
    return veil_seen;
}

bool workers_would_see_hidden() {
    return workers_would_see;
}

// Looked for in the server's table, as what was remembered may have been freed: a library that
// defines a setting of the name does that.
bool settings_still_hidden() {
    if (veiled_count == 0) return true;
    config_generic** all = get_guc_variables();
    return std::count_if(all, all + GetNumConfigOptions(), is_veiled) == veiled_count;
}

void show_settings_again(int depth) {
    int veiled_left = veiled_count;
    while (veiled_left > 0 && veiled_by[veiled_left - 1] > depth) --veiled_left;
    if ((renamed == nullptr || renamed->depth <= depth) && veiled_left == veiled_count) return;
    config_generic** all = get_guc_variables();
    for (int i = 0, n = GetNumConfigOptions(); i < n; ++i) {
        const Renamed* r = renamed_to(all[i]->name);
        if (r != nullptr && r->depth > depth) {
            name_again(all, i, r);
        } else if (veil_of(all[i]) >= veiled_left) {
            reinterpret_cast<config_string*>(all[i])->show_hook = nullptr;
        }
    }
    while (renamed != nullptr && renamed->depth > depth) {
        Renamed* r = renamed;
        renamed = r->next;
        // The alias is in use if it stays.
        if (find_setting(r->alias) == nullptr) pfree(const_cast<char*>(r->alias));
        pfree(r);
    }
    veiled_count = veiled_left;
    if (veiled_count == 0) workers_would_see = false;
}

void hand_over_settings() {
    while (to_hand_over != nullptr) {
        HandOver* h = to_hand_over;
        to_hand_over = h->next;
        set_config_option(h->name, h->value, h->context, h->source, GUC_ACTION_SET, true, WARNING,
                          false);
        pfree(const_cast<char*>(h->value));
        pfree(h);
    }
}

void install_shown_settings() {
    list_veils(veils, std::make_integer_sequence<int, kMostVeiled>());
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
