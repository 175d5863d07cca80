#include "pg/load/session_settings.hpp"

#include "pg/base/compat.hpp"
#include "pg/load/hidden_settings.hpp"
#include "pg/load/run.hpp"
#include "pg/load/shown_settings.hpp"

extern "C" {
#include "catalog/pg_authid.h"
}

namespace cache_ext::pg {
namespace {

bool starts_with(const char* name, const char* prefix) {
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

// Settings of these kinds say how a result is found, logged or accounted for, not what it is.
// Resources that run out are errors of the session (environment.cpp).
bool harmless_kind(config_group kind) {
    switch (kind) {
        case CONN_AUTH_SETTINGS:
        case CONN_AUTH_AUTH:
        case CONN_AUTH_SSL:
        case RESOURCES_MEM:
        case RESOURCES_DISK:
        case RESOURCES_KERNEL:
        case RESOURCES_BGWRITER:
        case WAL_SETTINGS:
        case WAL_CHECKPOINTS:
        case WAL_ARCHIVING:
        case WAL_RECOVERY:
        case WAL_ARCHIVE_RECOVERY:
        case WAL_RECOVERY_TARGET:
        case REPLICATION_SENDING:
        case REPLICATION_PRIMARY:
        case REPLICATION_STANDBY:
        case REPLICATION_SUBSCRIBERS:
        case QUERY_TUNING_METHOD:
        case QUERY_TUNING_COST:
        case QUERY_TUNING_GEQO:
        case QUERY_TUNING_OTHER:
        case LOGGING_WHERE:
        case LOGGING_WHEN:
        case LOGGING_WHAT:
        case PROCESS_TITLE:
        case STATS_MONITORING:
        case STATS_CUMULATIVE:
        case CLIENT_CONN_PRELOAD:
        case LOCK_MANAGEMENT:
        case ERROR_HANDLING_OPTIONS:
        case PRESET_OPTIONS:
            return true;
        default:
            return about_background(kind);
    }
}

// Harmless ones of other kinds: what becomes of writes, of files and of transactions, which a
// loader does not have; when a session gives up; what helps developers. Not every version has all
// of them. The session's identity and the encoding of its client are shown in another way
// (shown_settings.cpp).
constexpr const char* kHarmless[] = {
    "backtrace_functions",
    "check_function_bodies",
    "client_encoding",
    "client_min_messages",
    "createrole_self_grant",
    "debug_discard_caches",
    "debug_logical_replication_streaming",
    "debug_parallel_query",  // as of 16
    "default_table_access_method",
    "default_tablespace",
    "default_toast_compression",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "escape_string_warning",
    "event_triggers",
    "force_parallel_mode",  // until 15
    "gin_pending_list_limit",
    "icu_validation_level",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "is_superuser",
    "jit_dump_bitcode",
    "jit_expressions",
    "jit_tuple_deforming",
    "lock_timeout",
    "role",
    "seed",
    "session_authorization",
    "session_replication_role",
    "statement_timeout",
    "temp_tablespaces",
    "trace_notify",
    "trace_sort",
    "transaction_deferrable",
    "transaction_isolation",
    "transaction_read_only",
    "transaction_timeout",
    "vacuum_failsafe_age",
    "vacuum_freeze_min_age",
    "vacuum_freeze_table_age",
    "vacuum_multixact_failsafe_age",
    "vacuum_multixact_freeze_min_age",
    "vacuum_multixact_freeze_table_age",
    "wal_consistency_checking",
};

bool harmless(const config_generic* v) {
    if ((v->flags & GUC_CUSTOM_PLACEHOLDER) != 0) return false;
    // A session cannot have changed others.
    if (v->context != PGC_USERSET && v->context != PGC_SUSET) return true;
    if (harmless_kind(v->group) || starts_with(v->name, "cache_ext.")) return true;
    for (const char* name : kHarmless) {
        if (strcmp(name, v->name) == 0) return true;
    }
    return false;
}

bool is_pinned(const Definition* d, const char* name) {
    for (int i = 0; i < d->setting_count; ++i) {
        if (compare_setting_names(d->settings[i].name, name) == 0) return true;
    }
    return false;
}

bool is_passed(const FromReader& passed, const char* name) {
    for (int i = 0; i < passed.count; ++i) {
        if (compare_setting_names(passed.all[i].name, name) == 0) return true;
    }
    return false;
}

bool is_given(const RoleSettings& given, const char* name) {
    for (int i = 0; i < given.count; ++i) {
        if (compare_setting_names(given.all[i].name, name) == 0) return true;
    }
    return false;
}

// As text that the setting accepts; nullptr: it has none.
const char* reset_text(config_generic* v) {
    switch (v->vartype) {
        case PGC_BOOL:
            return bool_of(v).reset_val ? "on" : "off";
        case PGC_INT:
            return psprintf("%d", int_of(v).reset_val);
        case PGC_REAL:
            return psprintf("%.17g", real_of(v).reset_val);
        case PGC_STRING:
            return string_of(v).reset_val;
        case PGC_ENUM:
            return word_for(v, enum_of(v).reset_val);
    }
    return nullptr;
}

const char* boot_text(config_generic* v) {
    switch (v->vartype) {
        case PGC_BOOL:
            return bool_of(v).boot_val ? "on" : "off";
        case PGC_INT:
            return psprintf("%d", int_of(v).boot_val);
        case PGC_REAL:
            return psprintf("%.17g", real_of(v).boot_val);
        case PGC_STRING:
            return string_of(v).boot_val;
        case PGC_ENUM:
            return word_for(v, enum_of(v).boot_val);
    }
    return nullptr;
}

// As an administrator would have set it: who may change a setting was asked when it was given to
// the role, the database or the server.
void set(const char* name, const char* value) {
    const int done =
        set_config_option_ext(name, value, PGC_SUSET, PGC_S_SESSION, BOOTSTRAP_SUPERUSERID,
                              GUC_ACTION_SAVE, true, DEBUG2, false);
    if (done <= 0) mark_run(core::Bypass::kSessionSetting);
}

bool is_now(const char* name, const char* value) {
    const char* current = GetConfigOption(name, true, false);
    return current != nullptr && strcmp(current, value) == 0;
}

// One that a library has defined since is no application's any more: it stays as the environment
// has it. One that has no value of its own is set, or it would be taken for one that nobody has.
void pass_on(const char* name, const char* value) {
    const config_generic* v = find_setting(name);
    if (v != nullptr && (v->flags & GUC_CUSTOM_PLACEHOLDER) == 0) return;
    if (v == nullptr || v->source == PGC_S_DEFAULT || !is_now(name, value)) set(name, value);
}

// What the session has changed, or what was changed for it.
void undo_change(config_generic* v, int depth) {
    const bool of_session = v->reset_source >= PGC_S_GLOBAL;
    bool known = true;
    const char* value = of_session ? server_setting(v->name, &known) : reset_text(v);
    if (!known) mark_run(core::Bypass::kSessionSetting);
    if ((v->flags & GUC_CUSTOM_PLACEHOLDER) != 0) {
        // Other sessions do not even know its name, but there is no way to forget one.
        if (value == nullptr || (!of_session && v->reset_source == PGC_S_DEFAULT)) {
            hide_setting(v, depth);
        } else {
            set(v->name, value);
        }
        return;
    }
    if (value == nullptr && of_session) value = boot_text(v);
    if (value == nullptr) value = "";
    if (!is_now(v->name, value)) set(v->name, value);
}

}  // namespace

bool harmless_setting(const char* name) {
    const config_generic* v = find_setting(name);
    return v != nullptr && harmless(v);
}

bool left_to_session(const char* name) {
    const config_generic* v = find_setting(name);
    return v != nullptr && harmless(v) && (v->context == PGC_USERSET || v->context == PGC_SUSET) &&
           !is_shown_setting(name) &&
           strcmp(v->name, "transaction_read_only") != 0;  // which it is for all loaders
}

void set_environment(const Definition* d, const FromReader& passed, int depth) {
    const RoleSettings given = role_settings(d->owner);
    config_generic** changed;
    for (int i = 0, n = changed_settings(&changed); i < n; ++i) {
        config_generic* v = changed[i];
        if (v->source < PGC_S_GLOBAL) continue;  // not by the session, its role or its database
        const bool custom = (v->flags & GUC_CUSTOM_PLACEHOLDER) != 0;
        if (custom && (is_hidden_setting(v) || is_passed(passed, v->name))) continue;
        if (!harmless(v) && !is_pinned(d, v->name) && !is_given(given, v->name))
            undo_change(v, depth);
    }
    pfree(changed);
    for (int i = 0; i < given.count; ++i) {
        const RoleSetting& s = given.all[i];
        if (is_pinned(d, s.name) || harmless_setting(s.name) || is_passed(passed, s.name)) continue;
        if (!is_now(s.name, s.value)) set(s.name, s.value);
    }
    for (int i = 0; i < d->setting_count; ++i) {
        const PinnedSetting& s = d->settings[i];
        if (is_now(s.name, s.value)) continue;
        set_config_option(s.name, s.value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                          false);
    }
    for (int i = 0; i < passed.count; ++i) pass_on(passed.all[i].name, passed.all[i].value);
    // Parallel workers take over the session's settings, and what they look at is not heard of.
    if (workers_would_see_hidden() && !is_now("max_parallel_workers", "0"))
        set("max_parallel_workers", "0");
}

}  // namespace cache_ext::pg
