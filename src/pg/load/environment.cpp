#include "pg/load/environment.hpp"

#include "pg/catalog/rights.hpp"
#include "pg/load/error_kinds.hpp"
#include "pg/load/hidden_portals.hpp"
#include "pg/load/hidden_settings.hpp"
#include "pg/load/loader_limits.hpp"
#include "pg/load/plan_settings.hpp"
#include "pg/load/plans.hpp"
#include "pg/load/reads.hpp"
#include "pg/load/session_settings.hpp"
#include "pg/load/shown_settings.hpp"
#include "pg/load/temporary.hpp"

extern "C" {
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
}

namespace cache_ext::pg {
namespace {

using core::Bypass;

// Called for every message while it is raised, also for those that will be caught.
void message_raised(void*) {
    if (made_by_session(geterrcode())) mark_run(Bypass::kSessionError);
}

// Such a run. It links itself into error_context_stack, so it stays where it was entered.
struct OwnerScope {
    Oid user;
    int security;
    int nest;
    ErrorContextCallback errors;
};

// An owner's code runs as somebody else only where the owner might do all that himself: else
// whoever declares a cache would have the rights of everybody whom he gets to read it.
Oid acting_role(const Definition* d, const FromReader& passed) {
    if (!OidIsValid(passed.role) || passed.role == d->owner) return d->owner;
    if (!has_privs_of_role(d->owner, passed.role)) {
        const char* reader = GetUserNameFromId(passed.role, false);
        const char* owner = GetUserNameFromId(d->owner, false);
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("loader of cache \"%s\" cannot run as role \"%s\"", d->name, reader),
                        errdetail("The cache's owner, \"%s\", has not the privileges of that role.",
                                  owner),
                        superuser_arg(passed.role)
                            ? errhint("Read as another role, by SET ROLE.")
                            : errhint("GRANT %s TO %s, or read as another role.",
                                      quote_identifier(reader), quote_identifier(owner))));
    }
    return passed.role;
}

void enter_owner(const Definition* d, const FromReader& passed, OwnerScope* scope) {
    require_accessor(d);  // without it there is no owner to run as
    enter_user_code();
    hand_over_settings();
    GetUserIdAndSecContext(&scope->user, &scope->security);
    // Restricted: nothing of the owner's code may outlive the loader (a cursor WITH HOLD would run
    // at the end of the transaction, as whoever it belongs to).
    const Oid user = acting_role(d, passed);
    SetUserIdAndSecContext(user, scope->security | SECURITY_LOCAL_USERID_CHANGE |
                                     SECURITY_RESTRICTED_OPERATION | kInsideRun);
    scope->nest = NewGUCNestLevel();
    forget_temporary_access(run_depth() > 0);
    forget_kept_expressions();
    renew_doubtful_plans();
    push_run(user, scope->nest);
    set_environment(d, passed, run_depth());
    note_defaults_of_session();
    renew_plans_after_settings();
    if (statements_read_differently()) mark_run(Bypass::kSessionSetting);
    expect_kept_expressions();
    XactReadOnly = true;  // not as a setting: from 16 on no function may set this one
    scope->errors = {error_context_stack, message_raised, nullptr};
    error_context_stack = &scope->errors;
}

Bypass leave_owner(const OwnerScope& scope) {
    error_context_stack = scope.errors.previous;
    if (!settings_still_hidden()) mark_run(Bypass::kSessionSetting);
    const Run run = pop_run();
    if (touched_temporary(run_depth() > 0)) mark_run(Bypass::kTemporary);
    show_settings_again(run_depth());
    AtEOXact_GUC(false, scope.nest);
    renew_plans_after_settings();
    XactReadOnly = run.read_only;
    SetUserIdAndSecContext(scope.user, scope.security);
    leave_user_code();
    hand_over_settings();
    // What the loader has set is a name that the one around it must not know either.
    if (end_asking_for_settings()) hide_unset_settings();
    return mark_of(run);
}

}  // namespace

Bypass as_owner_of(const Definition* d, const FromReader& passed, void (*work)(void*),
                   void* argument) {
    OwnerScope scope;
    enter_owner(d, passed, &scope);
    const HiddenPortals hidden = hide_portals();
    PG_TRY();
    {
        work(argument);
        drop_new_portals();
    }
    PG_FINALLY();
    { show_portals(hidden); }
    PG_END_TRY();
    return leave_owner(scope);
}

void leave_aborted_runs(int level) {
    if (run_depth() > 0) {
        const int before = run_depth();
        drop_runs(level);
        if (run_depth() < before) renew_plans_of_left_runs();
        show_settings_again(run_depth());
    }
    temporary_access_after_abort(level, run_depth() > 0);
}

void install_environment() {
    note_start_settings();
    install_hidden_settings();
    install_shown_settings();
    install_temporary_hooks();
    install_loader_limits();
    install_plans();
    install_plan_settings();
    install_read_hooks();
}

}  // namespace cache_ext::pg
