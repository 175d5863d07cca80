#include "pg/load/hidden_settings.hpp"

#include "pg/base/compat.hpp"
#include "pg/load/run.hpp"

#include <utility>

namespace cache_ext::pg {
namespace {

// --- those that go by another name ---

// What has the alias is in no danger of being freed: a library that defines a setting of the name,
// or reserves its prefix, does not find it. Nor does a parallel worker hear of it.
struct Renamed {
    Renamed* next;
    config_generic* setting;
    const char* name;
    char* alias;
    GucSource source;
    Size libraries;  // how many, so to say, were loaded when it was hidden
    int depth;       // of the run
};
Renamed* renamed = nullptr;

// Names of which a setting has kept an alias for good: there is no way to remove one.
struct LeftOver {
    LeftOver* next;
    const char* name;
};
LeftOver* left_over = nullptr;

bool is_left_over(const char* name) {
    for (const LeftOver* l = left_over; l != nullptr; l = l->next) {
        if (compare_setting_names(l->name, name) == 0) return true;
    }
    return false;
}

// Whoever has guessed the alias does not see the value; it also says that a setting goes by one.
const char* show_nothing() {
    return "";
}

bool goes_by_alias(const config_generic* v) {
    return v->vartype == PGC_STRING &&
           string_of(const_cast<config_generic*>(v)).show_hook == show_nothing;
}

void leave_over(config_generic* v, const char* name) {
    auto* l = static_cast<LeftOver*>(MemoryContextAlloc(TopMemoryContext, sizeof(LeftOver)));
    *l = {left_over, MemoryContextStrdup(TopMemoryContext, name)};
    left_over = l;
    string_of(v).show_hook = show_nothing;
}

// Takes over from a placeholder once settings may be set.
struct HandOver {
    HandOver* next;
    const char* name;
    const char* value;
    GucContext context;
    GucSource source;
    Oid role;  // who set it
};
HandOver* to_hand_over = nullptr;

void hand_over_later(const Renamed* r) {
    const char* value = *string_of(r->setting).variable;
    if (value == nullptr || r->source <= PGC_S_OVERRIDE) return;
    MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
    auto* h = static_cast<HandOver*>(palloc(sizeof(HandOver)));
    *h = {to_hand_over,         pstrdup(r->name), pstrdup(value),
          r->setting->scontext, r->source,        r->setting->srole};
    MemoryContextSwitchTo(old);
    to_hand_over = h;
}

// Has a library that was loaded meanwhile reserved the name? The server would have removed the
// setting, and no parallel worker could take it over.
bool is_refused_now(const Renamed* r) {
    if (r->libraries == EstimateLibraryStateSpace()) return false;
    return find_setting(r->name) == nullptr &&
           set_config_option(r->name, "", PGC_USERSET, PGC_S_TEST, GUC_ACTION_SET, false, DEBUG5,
                             false) == 0;
}

// Gives a setting its name back. If there is another one of that name by now, or must not be, one
// of them keeps the alias.
void name_again(Renamed* r) {
    const bool refused = is_refused_now(r);
    config_generic* other = find_setting(r->name);
    const bool placeholder = other != nullptr && (other->flags & GUC_CUSTOM_PLACEHOLDER) != 0;
    bool back = false;
    if (other == nullptr && !refused) {
        take_name(r->setting, r->name);
        back = true;
    } else if (placeholder) {
        back = exchange_names(r->setting, other, r->name, r->alias);
        if (back) leave_over(other, r->name);
    } else if (other != nullptr) {
        hand_over_later(r);
    }
    if (back) {
        string_of(r->setting).show_hook = nullptr;
        give_source(r->setting, r->source);
    } else {
        r->setting->stack = nullptr;  // it gets no earlier source back, which workers would be told
        leave_over(r->setting, r->name);
    }
    if (back && other == nullptr) pfree(r->alias);  // else it is somebody's name
    free_kept_name(r->name);
    pfree(r);
}

// --- those that look empty ---

// Where an alias is taken already, a show hook must do. It is not told what it is asked for, so
// each setting has one of its own.
constexpr int kMostVeiled = 32;
config_generic* veiled[kMostVeiled] = {};
int veiled_by[kMostVeiled] = {};  // the run of this depth
int veiled_count = 0;
bool workers_would_see = false;
bool veil_seen = false;

const char* show_veiled(int which) {
    config_generic* v = veiled[which];
    const bool own = innermost_run() == nullptr || set_in_run(v);
    if (own) {
        const char* value = *string_of(v).variable;
        return value != nullptr ? value : "";
    }
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
    const GucShowHook hook = string_of(const_cast<config_generic*>(v)).show_hook;
    const GucShowHook* found = std::find(veils, veils + veiled_count, hook);
    return found != veils + veiled_count ? static_cast<int>(found - veils) : -1;
}

bool is_veiled(const config_generic* v) {
    return veil_of(v) >= 0;
}

// Looked for in the server's table, as what was remembered may have been freed: a library that
// defines a setting of the name does that.
void lift_veils(int left) {
    if (left == veiled_count) return;
    int count;
    config_generic** all = get_guc_variables(&count);
    for (int i = 0; i < count; ++i) {
        if (veil_of(all[i]) >= left) string_of(all[i]).show_hook = nullptr;
    }
    veiled_count = left;
    if (veiled_count == 0) workers_would_see = false;
}

}  // namespace

bool set_in_run(const config_generic* v) {
    const Run* run = innermost_run();
    return run != nullptr && v->stack != nullptr && v->stack->nest_level >= run->nest;
}

bool is_applications(const char* name) {
    const config_generic* v = find_setting(name);
    return v == nullptr ? strchr(name, '.') != nullptr : (v->flags & GUC_CUSTOM_PLACEHOLDER) != 0;
}

bool is_hidden_setting(const config_generic* v) {
    return is_veiled(v) || goes_by_alias(v);
}

void hide_setting(config_generic* v, int depth) {
    if (!is_left_over(v->name)) {
        auto* r = static_cast<Renamed*>(MemoryContextAlloc(TopMemoryContext, sizeof(Renamed)));
        *r = {
            nullptr, v, keep_name(v), alias_of(v->name), PGC_S_DEFAULT, EstimateLibraryStateSpace(),
            depth};
        r->source = take_source(v);
        take_name(v, r->alias);
        string_of(v).show_hook = show_nothing;
        r->next = renamed;
        renamed = r;
        return;
    }
    workers_would_see = workers_would_see || v->source != PGC_S_DEFAULT;
    if (veiled_count == kMostVeiled) {
        mark_run(core::Bypass::kSessionSetting);
        return;
    }
    veiled[veiled_count] = v;
    veiled_by[veiled_count] = depth;
    string_of(v).show_hook = veils[veiled_count];
    ++veiled_count;
}

void hide_unset_settings() {
    if (innermost_run() == nullptr || !begin_asking_for_settings()) return;
    int count;
    config_generic** all = get_guc_variables(&count);
    for (int i = 0; i < count; ++i) {
        config_generic* v = all[i];
        const bool unset = (v->flags & GUC_CUSTOM_PLACEHOLDER) != 0 && v->source == PGC_S_DEFAULT;
        if (unset && !set_in_run(v) && !is_hidden_setting(v)) hide_setting(v, run_depth());
    }
}

bool settings_cannot_be_hidden() {
    return veil_seen;
}

bool workers_would_see_hidden() {
    return workers_would_see;
}

bool settings_still_hidden() {
    if (veiled_count == 0) return true;
    int count;
    config_generic** all = get_guc_variables(&count);
    return std::count_if(all, all + count, is_veiled) == veiled_count;
}

void show_settings_again(int depth) {
    while (renamed != nullptr && renamed->depth > depth) {
        Renamed* r = renamed;
        renamed = r->next;
        name_again(r);
    }
    int left = veiled_count;
    while (left > 0 && veiled_by[left - 1] > depth) --left;
    lift_veils(left);
}

void hand_over_settings() {
    while (to_hand_over != nullptr) {
        HandOver* h = to_hand_over;
        to_hand_over = h->next;
        set_config_option_ext(h->name, h->value, h->context, h->source, h->role, GUC_ACTION_SET,
                              true, WARNING, false);
        pfree(const_cast<char*>(h->name));
        pfree(const_cast<char*>(h->value));
        pfree(h);
    }
}

void install_hidden_settings() {
    list_veils(veils, std::make_integer_sequence<int, kMostVeiled>());
}

}  // namespace cache_ext::pg
