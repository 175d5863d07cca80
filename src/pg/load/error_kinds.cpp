#include "pg/load/error_kinds.hpp"

namespace cache_ext::pg {

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

}  // namespace cache_ext::pg
