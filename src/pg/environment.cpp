#include "pg/environment.hpp"

#include "pg/hidden_portals.hpp"
#include "pg/loader_limits.hpp"
#include "pg/rights.hpp"
#include "pg/session_settings.hpp"
#include "pg/shown_settings.hpp"
#include "pg/temporary.hpp"

#include <iterator>

extern "C" {
#include "utils/guc.h"
}

namespace cache_ext::pg {
namespace {

using core::Bypass;

// A bit of the security context that the server does not use: (sub)transaction abort restores it,
// and functions that a loader calls inherit it.
constexpr int kInsideLoader = 1 << 16;

// Runs that have been entered and not left, the innermost last. They are looked up by index: what
// an error has left behind is found by leave_aborted_runs.
Run* runs = nullptr;
int depth = 0;
int capacity = 0;

// How often each reason has come up in this session. Growing numbers need no restoring: a run
// compares them with what they were when it was entered.
constexpr Bypass kMarks[] = {Bypass::kTemporary, Bypass::kSessionError, Bypass::kSessionSetting};
uint64 marks[std::size(kMarks)] = {};
static_assert(std::size(kMarks) == std::size(Run{}.marks_before));

// Errors that come from the session, the machine or the moment, not from rows and arguments. A
// loader that catches one returns what it would not have returned elsewhere.
bool made_by_session(int code) {
    switch (ERRCODE_TO_CATEGORY(code)) {
        case ERRCODE_TO_CATEGORY(ERRCODE_CONNECTION_EXCEPTION):
        case ERRCODE_TO_CATEGORY(ERRCODE_TRANSACTION_ROLLBACK):
        case ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES):
        case ERRCODE_TO_CATEGORY(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE):
        case ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION):
        case ERRCODE_TO_CATEGORY(ERRCODE_SYSTEM_ERROR):
        case ERRCODE_TO_CATEGORY(ERRCODE_CONFIG_FILE_ERROR):
        case ERRCODE_TO_CATEGORY(ERRCODE_FDW_ERROR):
        case ERRCODE_TO_CATEGORY(ERRCODE_INTERNAL_ERROR):
        case ERRCODE_TO_CATEGORY(ERRCODE_INVALID_CURSOR_STATE):
            return true;
        default:
            // How deep the stack is depends on who calls, and on max_stack_depth. Which names of
            // cursors are taken, on what the session has open.
            return code == ERRCODE_STATEMENT_TOO_COMPLEX || code == ERRCODE_DUPLICATE_CURSOR;
    }
}

// Called for every message while it is raised, also for those that will be caught.
void message_raised(void*) {
    if (made_by_session(geterrcode())) mark_run(Bypass::kSessionError);
}

void push_run(const Definition* d, int nest) {
    if (depth == capacity) {
        const int more = std::max(4, capacity * 2);
        const size_t size = sizeof(Run) * static_cast<size_t>(more);
        runs = static_cast<Run*>(runs == nullptr ? MemoryContextAlloc(TopMemoryContext, size)
                                                 : repalloc(runs, size));
        capacity = more;
    }
    Run& run = runs[depth++];
    run.owner = d->owner;
    run.nest = nest;
    run.level = GetCurrentTransactionNestLevel();
    std::copy_n(marks, std::size(marks), run.marks_before);
}

}  // namespace

const Run* innermost_run() {
    return depth > 0 ? &runs[depth - 1] : nullptr;
}

void mark_run(Bypass reason) {
    for (size_t i = 0; i < std::size(kMarks); ++i) {
        if (kMarks[i] == reason) ++marks[i];
    }
}

namespace {

// Such a run. It links itself into error_context_stack, so it stays where it was entered.
struct OwnerScope {
    Oid user;
    int security;
    int nest;
    ErrorContextCallback errors;
};

void enter_owner(const Definition* d, OwnerScope* scope) {
    require_accessor(d);  // without it there is no owner to run as
    enter_user_code();
    hand_over_settings();
    GetUserIdAndSecContext(&scope->user, &scope->security);
    // Restricted: nothing of the owner's code may outlive the loader (a cursor WITH HOLD would run
    // at the end of the transaction, as whoever it belongs to).
    SetUserIdAndSecContext(d->owner, scope->security | SECURITY_LOCAL_USERID_CHANGE |
                                         SECURITY_RESTRICTED_OPERATION | kInsideLoader);
    scope->nest = NewGUCNestLevel();
    forget_temporary_access(depth > 0);
    push_run(d, scope->nest);
    set_environment(d, depth);
    scope->errors = {error_context_stack, message_raised, nullptr};
    error_context_stack = &scope->errors;
}

Bypass leave_owner(const OwnerScope& scope) {
    error_context_stack = scope.errors.previous;
    if (!settings_still_hidden()) mark_run(Bypass::kSessionSetting);
    const Run run = runs[--depth];
    if (touched_temporary(depth > 0)) mark_run(Bypass::kTemporary);
    show_settings_again(depth);
    AtEOXact_GUC(false, scope.nest);
    SetUserIdAndSecContext(scope.user, scope.security);
    leave_user_code();
    hand_over_settings();
    for (size_t i = 0; i < std::size(kMarks); ++i) {
        if (marks[i] != run.marks_before[i]) return kMarks[i];
    }
    return Bypass::kNone;
}

}  // namespace

Bypass as_owner_of(const Definition* d, void (*work)(void*), void* argument) {
    OwnerScope scope;
    enter_owner(d, &scope);
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

void leave_aborted_runs(int level) {
    if (depth > 0) {
        while (depth > 0 && runs[depth - 1].level >= level) --depth;
        show_settings_again(depth);
    }
    temporary_access_after_abort(level, depth > 0);
}

void install_environment() {
    note_start_settings();
    install_shown_settings();
    install_temporary_hooks();
    install_loader_limits();
}

}  // namespace cache_ext::pg
