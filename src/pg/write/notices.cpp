#include "pg/write/notices.hpp"

#include "pg/base/after_locks.hpp"
#include "pg/pool/looks.hpp"
#include "pg/base/store_handle.hpp"

namespace cache_ext::pg {
namespace {

bool schedule_changed = false;
bool databases_changed = false;
bool committed = false;

void send() {
    if (!committed) return;
    committed = false;
    if (schedule_changed) request_look(MyDatabaseId);
    if (databases_changed) request_list_of_databases();
    schedule_changed = databases_changed = false;
}

}  // namespace

void transaction_committed_for_notices() {
    committed = true;
}

void transaction_aborted_for_notices() {
    schedule_changed = databases_changed = false;
}

void note_schedule_change() {
    schedule_changed = store_ready();
    call_after_locks(AfterLocks::kNotices, send);
}

void note_databases_changed() {
    databases_changed = store_ready();
    call_after_locks(AfterLocks::kNotices, send);
}

}  // namespace cache_ext::pg
