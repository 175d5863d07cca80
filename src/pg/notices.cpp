#include "pg/notices.hpp"

#include "pg/after_locks.hpp"
#include "pg/looks.hpp"
#include "pg/shared.hpp"

namespace cache_ext::pg {
namespace {

bool schedule_changed = false;
bool databases_changed = false;
bool committed = false;

void transaction_event(XactEvent event, void*) {
    switch (event) {
        case XACT_EVENT_COMMIT:
        // Too early, but nobody else will: the callbacks of COMMIT PREPARED are not ours. The look
        // after the first use of a cache makes up for it.
        case XACT_EVENT_PREPARE:
            committed = true;
            break;
        case XACT_EVENT_ABORT:
            schedule_changed = databases_changed = false;
            break;
        default:
            break;
    }
}

void send() {
    if (!committed) return;
    committed = false;
    if (schedule_changed) request_look(MyDatabaseId);
    if (databases_changed) request_list_of_databases();
    schedule_changed = databases_changed = false;
}

}  // namespace

void install_notice_callbacks() {
    RegisterXactCallback(transaction_event, nullptr);
}

void note_schedule_change() {
    schedule_changed = shared_ready();
    call_after_locks(AfterLocks::kNotices, send);
}

void note_databases_changed() {
    databases_changed = shared_ready();
    call_after_locks(AfterLocks::kNotices, send);
}

}  // namespace cache_ext::pg
