#include "pg/pool/looks.hpp"

#include "pg/pool/pool_state.hpp"

namespace cache_ext::pg {

void request_look(Oid database) {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    if (DatabaseSlot* s = slot_of(database, true)) {
        s->next_look = 0;
        s->look_asked = true;
        wake_somebody(database);
    }
    LWLockRelease(tasks_lock);
}

void request_list_of_databases() {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    pool->databases_changed = true;
    wake_launcher();
    LWLockRelease(tasks_lock);
}

void looked(core::Millis next_load, core::Millis next_scan) {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    if (DatabaseSlot* s = slot_of(my_slot->database, false)) {
        s->failures = 0;
        const core::Millis next = next_scan == 0 ? next_load : std::min(next_load, next_scan);
        s->next_look = s->look_asked ? 0 : next;
        s->next_scan = next_scan;
        s->next_load = next_load;
        if (s->next_look < pool->launcher_wakes) wake_launcher();
    }
    LWLockRelease(tasks_lock);
}

core::Millis scan_due() {
    LWLockAcquire(tasks_lock, LW_SHARED);
    const DatabaseSlot* s = slot_of(my_slot->database, false);
    const core::Millis due = s == nullptr ? 0 : s->next_scan;
    LWLockRelease(tasks_lock);
    return due;
}

void note_owners(int owners) {
    LWLockAcquire(tasks_lock, LW_EXCLUSIVE);
    if (DatabaseSlot* s = slot_of(my_slot->database, false)) s->owners = owners;
    LWLockRelease(tasks_lock);
}

}  // namespace cache_ext::pg
