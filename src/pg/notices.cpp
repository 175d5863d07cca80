// What a transaction changes about the workers' work is announced when it commits: before, they
// would not see it.
#include "pg/pool_state.hpp"
#include "pg/shared.hpp"

namespace cache_ext::pg {
namespace {

bool schedule_changed = false;
bool database_made = false;

void transaction_event(XactEvent event, void*) {
    switch (event) {
        case XACT_EVENT_COMMIT:
        // Too early, but nobody else will: the callbacks of COMMIT PREPARED are not ours. The look
        // after the first use of a cache makes up for it.
        case XACT_EVENT_PREPARE:
            if (schedule_changed) request_look(MyDatabaseId);
            if (database_made) {
                LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
                pool->databases_changed = true;
                wake_launcher();
                LWLockRelease(tasks_lock);
            }
            break;
        case XACT_EVENT_ABORT:
            break;
        default:
            return;
    }
    schedule_changed = database_made = false;
}

}  // namespace

void install_notice_callbacks() {
    RegisterXactCallback(transaction_event, nullptr);
}

void note_schedule_change() {
    schedule_changed = shared_ready();
}

void note_new_database() {
    database_made = shared_ready();
}

}  // namespace cache_ext::pg
