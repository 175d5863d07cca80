#include "pg/write/telling_trigger.hpp"

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "catalog/pg_trigger.h"
#include "utils/rel.h"
}

namespace cache_ext::pg {
namespace {

int16 type_of(TriggerEvent event) {
    return TRIGGER_FIRED_BY_INSERT(event)   ? TRIGGER_TYPE_INSERT
           : TRIGGER_FIRED_BY_DELETE(event) ? TRIGGER_TYPE_DELETE
                                            : TRIGGER_TYPE_UPDATE;
}

// Is it fired once for each row, at the end of the statement?
bool is_plain(const Trigger& t) {
    return !t.tgdeferrable && TRIGGER_FOR_AFTER(t.tgtype) && t.tgqual == nullptr &&
           t.tgnattr == 0 && t.tgnargs == 0;
}

}  // namespace

// Whether a trigger is fired is decided when the row changes, and asked here later. Between the two
// nobody else can make, drop or switch triggers, for want of the lock. What depends on the session
// (session_replication_role) does not count for one that is ENABLE ALWAYS. This transaction's own
// DDL might make or attach one meanwhile; that one of ours goes is a hard change of the relation's
// caches as it is.
Telling telling_of(const TriggerData& fired) {
    const Trigger& self = *fired.tg_trigger;
    const TriggerDesc* all = fired.tg_relation->trigdesc;
    if (self.tgfoid != invalidate_trigger() || !is_plain(self)) return Telling::kNowhere;
    const int16 type = type_of(fired.tg_event);
    bool alone = true;
    const Trigger* first = nullptr;
    for (int i = 0; all != nullptr && i < all->numtriggers; ++i) {
        const Trigger& t = all->triggers[i];
        if (t.tgfoid != self.tgfoid || !TRIGGER_FOR_ROW(t.tgtype) || (t.tgtype & type) == 0) {
            continue;
        }
        alone = alone && t.tgoid == self.tgoid;
        if (first == nullptr && t.tgenabled == TRIGGER_FIRES_ALWAYS && is_plain(t)) first = &t;
    }
    if (alone) return Telling::kHere;
    if (first == nullptr || ddl_noted()) return Telling::kNowhere;
    return first->tgoid == self.tgoid ? Telling::kHere : Telling::kElsewhere;
}

}  // namespace cache_ext::pg
