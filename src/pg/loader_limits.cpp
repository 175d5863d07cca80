#include "pg/loader_limits.hpp"

#include "pg/environment.hpp"

#include <iterator>

extern "C" {
#include "catalog/objectaccess.h"
#include "tcop/utility.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

ProcessUtility_hook_type previous_utility = nullptr;
object_access_hook_type previous_object_access = nullptr;

// Of the server's functions that a read-only transaction may call: messages, the sequence of random
// numbers, and large objects (which are writable until PostgreSQL 16).
constexpr Oid kForbidden[] = {
    F_PG_NOTIFY,
    F_PG_LOGICAL_EMIT_MESSAGE_BOOL_TEXT_TEXT,
    F_PG_LOGICAL_EMIT_MESSAGE_BOOL_TEXT_BYTEA,
    F_SETSEED,
    F_LO_CREAT,
    F_LO_CREATE,
    F_LO_EXPORT,
    F_LO_FROM_BYTEA,
    F_LO_IMPORT_TEXT,
    F_LO_IMPORT_TEXT_OID,
    F_LO_PUT,
    F_LO_TRUNCATE,
    F_LO_TRUNCATE64,
    F_LO_UNLINK,
    F_LOWRITE,
};

// LISTEN, PREPARE and the like are refused by the server in the context that loaders run in.
void utility(PlannedStmt* statement, const char* query, bool read_only_tree,
             ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment* environment,
             DestReceiver* receiver, QueryCompletion* completion) {
    if (IsA(statement->utilityStmt, NotifyStmt)) forbid_in_loader("NOTIFY");
    if (IsA(statement->utilityStmt, LoadStmt)) forbid_in_loader("LOAD");
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
    if (access != OAT_FUNCTION_EXECUTE || object_id >= FirstGenbkiObjectId || !inside_loader()) {
        return;
    }
    if (std::find(std::begin(kForbidden), std::end(kForbidden), object_id) !=
        std::end(kForbidden)) {
        forbid_in_loader(psprintf("%s()", get_func_name(object_id)));
    }
}

}  // namespace

void install_loader_limits() {
    previous_utility = ProcessUtility_hook;
    ProcessUtility_hook = utility;
    previous_object_access = object_access_hook;
    object_access_hook = object_access;
}

}  // namespace cache_ext::pg
