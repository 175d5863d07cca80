#include "pg/load.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "executor/instrument.h"
#include "lib/stringinfo.h"
#include "portability/instr_time.h"
#include "utils/acl.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"
}

namespace cache_ext::pg {
namespace {

// A bit of the security context that the server does not use: (sub)transaction abort restores it,
// and functions that a loader calls inherit it.
constexpr int kInsideLoader = 1 << 16;

// Everything that can change what a query over the same rows returns. docs/reference.md lists them.
constexpr const char* kPinned[] = {
    "search_path",
    "TimeZone",
    "DateStyle",
    "IntervalStyle",
    "extra_float_digits",
    "bytea_output",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "xmlbinary",
    "xmloption",
    "array_nulls",
    "quote_all_identifiers",
    "standard_conforming_strings",
    "backslash_quote",
    "transform_null_equals",
    "default_text_search_config",
    "row_security",
    "timezone_abbreviations",
};

}  // namespace

bool may_pin(const char* setting) {
    const size_t length = strcspn(setting, "=");
    for (const char* name : kPinned) {
        if (strlen(name) == length && strncmp(name, setting, length) == 0) return true;
    }
    return false;
}

// Temporary objects of whoever reads must not shadow what the loader means: pg_temp comes last.
static const char* without_temporary_schemas(const char* search_path) {
    List* schemas;
    if (!SplitIdentifierString(pstrdup(search_path), ',', &schemas)) return search_path;
    StringInfoData path;
    initStringInfo(&path);
    ListCell* cell;
    foreach (cell, schemas) {
        const char* schema = static_cast<char*>(lfirst(cell));
        if (strcmp(schema, "pg_temp") == 0) continue;
        appendStringInfo(&path, "%s, ", quote_identifier(schema));
    }
    appendStringInfoString(&path, "pg_temp");
    return path.data;
}

List* settings_to_pin() {
    List* list = NIL;
    for (const char* name : kPinned) {
        const char* value = GetConfigOption(name, true, false);
        if (value == nullptr) continue;
        if (strcmp(name, "search_path") == 0) {
            value = without_temporary_schemas(value);
        }
        list = lappend(list, psprintf("%s=%s", name, value));
    }
    return list;
}

void enter_owner(const Definition* d, OwnerScope* scope) {
    GetUserIdAndSecContext(&scope->user, &scope->security);
    // Restricted: nothing of the owner's code may outlive the loader (a cursor WITH HOLD would run
    // at the end of the transaction, as whoever it belongs to).
    SetUserIdAndSecContext(d->owner, scope->security | SECURITY_LOCAL_USERID_CHANGE |
                                         SECURITY_RESTRICTED_OPERATION | kInsideLoader);
    scope->nest = NewGUCNestLevel();
    for (int i = 0; i < d->setting_count; ++i) {
        set_config_option(d->settings[i].name, d->settings[i].value, PGC_USERSET, PGC_S_SESSION,
                          GUC_ACTION_SAVE, true, 0, false);
    }
    set_config_option("transaction_read_only", "on", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                      true, 0, false);
}

void leave_owner(const OwnerScope& scope) {
    AtEOXact_GUC(true, scope.nest);
    SetUserIdAndSecContext(scope.user, scope.security);
}

bool inside_loader() {
    Oid user;
    int security;
    GetUserIdAndSecContext(&user, &security);
    return (security & kInsideLoader) != 0;
}

void forbid_in_loader(const char* what) {
    if (!inside_loader()) return;
    ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
                    errmsg("cannot execute %s in a loader", what)));
}

Loaded run_loader(const Definition* d, const Datum* arguments, const bool* nulls) {
    if (d->loader_taken) {
        const char* owner = GetUserNameFromId(d->owner, true);
        ereport(
            ERROR,
            (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
             errmsg("loader %s of cache \"%s\" is not the function that it was declared with",
                    d->loader_name, d->name),
             errdetail("That one was dropped, and this one belongs to a role that may not act "
                       "as the cache's owner, %s.",
                       owner),
             errhint("If it is the right one, make it that role's with ALTER FUNCTION ... OWNER "
                     "TO %s, or declare the cache anew: cache_drop('%s'), then cache_create.",
                     owner, d->name)));
    }
    if (!OidIsValid(d->loader) || d->loader_changed) {
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_FUNCTION),
                 d->loader_changed
                     ? errmsg("loader %s of cache \"%s\" no longer returns %s", d->loader_name,
                              d->name, format_type_be(d->value_type))
                     : errmsg("loader %s of cache \"%s\" does not exist", d->loader_name, d->name),
                 errhint("Create the function again as it was, or declare the cache anew: "
                         "cache_drop('%s'), then cache_create.",
                         d->name)));
    }
    if (pg_proc_aclcheck(d->loader, d->owner, ACL_EXECUTE) != ACLCHECK_OK) {
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("permission denied for loader %s of cache \"%s\"", d->loader_name, d->name),
                 errdetail("It runs as the cache's owner, %s.", GetUserNameFromId(d->owner, true)),
                 errhint("GRANT EXECUTE ON FUNCTION %s to that role.", d->loader_name)));
    }

    FmgrInfo function;
    fmgr_info(d->loader, &function);
    LOCAL_FCINFO(call, kMaxKeyColumns);
    InitFunctionCallInfoData(*call, &function, static_cast<short>(d->columns), d->loader_collation,
                             nullptr, nullptr);
    bool skip = false;
    for (int i = 0; i < d->columns; ++i) {
        call->args[i].value = arguments[i];
        call->args[i].isnull = nulls[i];
        skip = skip || (function.fn_strict && nulls[i]);
    }
    Loaded loaded;
    if (skip) return loaded;  // as the executor does

    OwnerScope scope;
    enter_owner(d, &scope);
    instr_time start, end;
    INSTR_TIME_SET_CURRENT(start);
    loaded.value = FunctionCallInvoke(call);
    INSTR_TIME_SET_CURRENT(end);
    INSTR_TIME_SUBTRACT(end, start);
    loaded.load_us =
        static_cast<uint32>(std::min<uint64>(UINT32_MAX, INSTR_TIME_GET_MICROSEC(end)));
    loaded.is_null = call->isnull;
    if (!loaded.is_null && d->value_length == -1) {
        loaded.value = PointerGetDatum(PG_DETOAST_DATUM(loaded.value));
    }
    leave_owner(scope);
    return loaded;
}

}  // namespace cache_ext::pg
