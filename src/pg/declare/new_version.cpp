// Whoever updates the files and runs ALTER EXTENSION ... UPDATE before he has restarted the server
// would get objects that the library, which is still the old one, does not know: nothing would be
// cached any more. So that is refused. (It cannot be where the library is not preloaded.)
//
// No catalog tells sessions of a version alone, hence a message about one of our tables.
#include "pg/declare/new_version.hpp"

#include "pg/catalog/definitions.hpp"
#include "pg/write/notices.hpp"

extern "C" {
#include "access/xact.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/inval.h"
}

namespace cache_ext::pg {
namespace {

ProcessUtility_hook_type previous_hook = nullptr;

bool sets_version(Node* statement) {
    const char* extension = nullptr;
    if (IsA(statement, CreateExtensionStmt)) {
        extension = reinterpret_cast<CreateExtensionStmt*>(statement)->extname;
    } else if (IsA(statement, AlterExtensionStmt)) {
        extension = reinterpret_cast<AlterExtensionStmt*>(statement)->extname;
    }
    return extension != nullptr && strcmp(extension, "cache_ext") == 0;
}

void utility(PlannedStmt* statement, const char* query, bool read_only_tree,
             ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment* environment,
             DestReceiver* receiver, QueryCompletion* completion) {
    const bool sets = sets_version(statement->utilityStmt);
    previous_hook(statement, query, read_only_tree, context, parameters, environment, receiver,
                  completion);
    if (!sets) return;
    CommandCounterIncrement();
    Extension now;
    if (!find_extension(&now)) return;
    if (!is_known_version(now.version)) report_version(ERROR, now.version);
    CacheInvalidateRelcacheByRelid(now.definition_table);
    note_schedule_change();
}

}  // namespace

void install_new_version() {
    previous_hook = ProcessUtility_hook != nullptr ? ProcessUtility_hook : standard_ProcessUtility;
    ProcessUtility_hook = utility;
}

}  // namespace cache_ext::pg
