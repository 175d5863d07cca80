#include "pg/load/loader_limits.hpp"

#include "pg/base/compat.hpp"
#include "pg/load/hidden_settings.hpp"
#include "pg/load/run.hpp"
#include "pg/load/session_reads.hpp"

#include <iterator>

extern "C" {
#include "access/parallel.h"
#include "access/htup_details.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "storage/proc.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

ProcessUtility_hook_type previous_utility = nullptr;
object_access_hook_type previous_object_access = nullptr;
GucRealCheckHook previous_seed_check = nullptr;
GucIntCheckHook previous_timeout_check = nullptr;

// Of the server's functions that a read-only transaction may call: messages, the sequence of random
// numbers, large objects (which are writable until PostgreSQL 16), and what the reader has open,
// holds, or could not prepare his transaction with.
constexpr Oid kForbidden[] = {
    F_PG_NOTIFY,
    kEmitTextMessage,
    kEmitBytesMessage,
    F_PG_ADVISORY_UNLOCK_ALL,
    F_PG_EXPORT_SNAPSHOT,
    F_SETSEED,
    F_LO_CLOSE,
    F_LO_CREAT,
    F_LO_CREATE,
    F_LO_EXPORT,
    F_LO_FROM_BYTEA,
    F_LO_IMPORT_TEXT,
    F_LO_IMPORT_TEXT_OID,
    F_LO_LSEEK,
    F_LO_LSEEK64,
    F_LO_OPEN,
    F_LO_PUT,
    F_LO_TELL,
    F_LO_TELL64,
    F_LO_TRUNCATE,
    F_LO_TRUNCATE64,
    F_LO_UNLINK,
    F_LOREAD,
    F_LOWRITE,
};

bool has_settings(Oid function) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return false;
    const bool has = !heap_attisnull(tuple, Anum_pg_proc_proconfig, nullptr);
    ReleaseSysCache(tuple);
    return has;
}

// Does it say what a setting is, or make one known?
bool asks_for_settings(Oid function) {
    switch (function) {
        case F_CURRENT_SETTING_TEXT:
        case F_CURRENT_SETTING_TEXT_BOOL:
        case F_PG_SETTINGS_GET_FLAGS:
        case F_SET_CONFIG:
            return true;
        default:
            return function >= FirstGenbkiObjectId && has_settings(function);
    }
}

// The transaction in which PL/pgSQL keeps an expression that calls one of these, or one of the
// forbidden. Until its end it uses the expression again without making it ready, as long as the
// plan is valid, and nobody is told of further calls.
LocalTransactionId kept_in = InvalidLocalTransactionId;
// The same of one that asks for settings.
LocalTransactionId asking_kept_in = InvalidLocalTransactionId;

// What is not for a loader although it writes no row: because it would leave something behind in
// the reader's transaction, or because it reads or moves what only the reader's session has.
const char* not_for_loaders(const Node* statement) {
    switch (nodeTag(statement)) {
        case T_NotifyStmt:
            return "NOTIFY";
        case T_LoadStmt:
            return "LOAD";
        case T_ConstraintsSetStmt:
            return "SET CONSTRAINTS";
        case T_DeclareCursorStmt:
            return "DECLARE CURSOR";
        case T_FetchStmt:
            return reinterpret_cast<const FetchStmt*>(statement)->ismove ? "MOVE" : "FETCH";
        case T_ExecuteStmt:
            return "EXECUTE";
        case T_VacuumStmt:
            return reinterpret_cast<const VacuumStmt*>(statement)->is_vacuumcmd ? "VACUUM"
                                                                                : "ANALYZE";
        case T_ReindexStmt:
            return "REINDEX";
        case T_ExplainStmt: {
            const auto* query = reinterpret_cast<const Query*>(
                reinterpret_cast<const ExplainStmt*>(statement)->query);
            return query->utilityStmt != nullptr ? not_for_loaders(query->utilityStmt) : nullptr;
        }
        default:
            return nullptr;
    }
}

// LISTEN, PREPARE and the like are refused by the server in the context that loaders run in.
void utility(PlannedStmt* statement, const char* query, bool read_only_tree,
             ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment* environment,
             DestReceiver* receiver, QueryCompletion* completion) {
    const char* what = not_for_loaders(statement->utilityStmt);
    if (what != nullptr) forbid_in_run(what);
    const Node* node = statement->utilityStmt;
    if (IsA(node, VariableShowStmt)) {
        note_show(reinterpret_cast<const VariableShowStmt*>(node)->name);
    }
    if (IsA(node, VariableSetStmt) || IsA(node, VariableShowStmt)) hide_unset_settings();
    if (previous_utility != nullptr) {
        previous_utility(statement, query, read_only_tree, context, parameters, environment,
                         receiver, completion);
    } else {
        standard_ProcessUtility(statement, query, read_only_tree, context, parameters, environment,
                                receiver, completion);
    }
}

// Called when an expression that calls the function is made ready.
void object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id,
                   void* argument) {
    if (previous_object_access != nullptr) {
        previous_object_access(access, class_id, object_id, sub_id, argument);
    }
    if (access != OAT_FUNCTION_EXECUTE) return;
    if ((innermost_run() != nullptr || is_kept_expression()) && asks_for_settings(object_id)) {
        if (is_kept_expression()) asking_kept_in = local_transaction();
        hide_unset_settings();
    }
    if (object_id >= FirstGenbkiObjectId) return;
    const bool tells = tells_of_session(object_id);
    const bool forbidden =
        std::find(std::begin(kForbidden), std::end(kForbidden), object_id) != std::end(kForbidden);
    if (!tells && !forbidden) return;
    if (is_kept_expression()) note_kept_expression();
    if (tells) mark_run(core::Bypass::kSessionSetting);
    if (forbidden && inside_run()) forbid_in_run(psprintf("%s()", get_func_name(object_id)));
}

// What setseed() does, as a setting: giving the setting its value back does not give the session
// its sequence back.
bool check_seed(double* value, void** extra, GucSource source) {
    if (source >= PGC_S_INTERACTIVE && !InitializingParallelWorker) forbid_in_run("SET seed");
    return previous_seed_check == nullptr || previous_seed_check(value, extra, source);
}

// Setting it starts or stops the clock of the reader's transaction at once, which would end his
// session.
bool check_transaction_timeout(int* value, void** extra, GucSource source) {
    if (source >= PGC_S_INTERACTIVE && !InitializingParallelWorker) {
        forbid_in_run("SET transaction_timeout");
    }
    return previous_timeout_check == nullptr || previous_timeout_check(value, extra, source);
}

}  // namespace

bool tells_of_session(Oid function) {
    switch (function) {
        case F_CURRENT_QUERY:
        case F_CURRVAL:
        case F_LASTVAL:
        case F_PG_LISTENING_CHANNELS:
        case F_PG_PREPARED_STATEMENT:
        case F_PG_TRIGGER_DEPTH:
            return true;
        default:
            return false;
    }
}

// Those live in a context of the transaction, others in one of a query.
bool is_kept_expression() {
    return MemoryContextGetParent(CurrentMemoryContext) == TopTransactionContext;
}

void note_kept_expression() {
    kept_in = local_transaction();
}

void expect_kept_expressions() {
    if (asking_kept_in != InvalidLocalTransactionId && asking_kept_in == local_transaction()) {
        hide_unset_settings();
    }
}

void forget_kept_expressions() {
    if (kept_in == InvalidLocalTransactionId || kept_in != local_transaction()) return;
    kept_in = InvalidLocalTransactionId;  // what is kept from now on is told again
    ResetPlanCache();
}

void install_loader_limits() {
    config_generic* seed = find_setting("seed");
    if (seed != nullptr && seed->vartype == PGC_REAL) {
        config_real& real = real_of(seed);
        previous_seed_check = real.check_hook;
        real.check_hook = check_seed;
    }
    config_generic* timeout = find_setting("transaction_timeout");  // where there is one
    if (timeout != nullptr && timeout->vartype == PGC_INT) {
        config_int& number = int_of(timeout);
        previous_timeout_check = number.check_hook;
        number.check_hook = check_transaction_timeout;
    }
    previous_utility = ProcessUtility_hook;
    ProcessUtility_hook = utility;
    previous_object_access = object_access_hook;
    object_access_hook = object_access;
}

}  // namespace cache_ext::pg
