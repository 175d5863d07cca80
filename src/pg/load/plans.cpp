#include "pg/load/plans.hpp"

#include "pg/base/store_handle.hpp"
#include "pg/load/session_settings.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
}

namespace cache_ext::pg {
namespace {

bool doubtful = false;

// What a session has changed itself it hears of once more while that is rolled back or handed over:
// then it has its XID still, and is in no state in which it would hear of others.
void relation_changed(Datum, Oid) {
    if (!IsTransactionState() && TransactionIdIsValid(GetTopTransactionIdIfAny())) doubtful = true;
}

}  // namespace

void renew_plans_after_ddl(const Definition* d, const core::Snapshot& snapshot) {
    static core::Snapshot planned_under = {};
    core::Xid hard[core::kMaxHard];
    uint32 n;
    const bool all = store().hard_writers(d->session->index, hard, &n);
    const core::Xid lost = store().lost_hard_below(d->session->index);
    const bool seen = std::none_of(hard, hard + n, [](core::Xid xid) {
        return planned_under.running == nullptr || planned_under.in_progress(xid);
    });
    if (seen && !d->detaching &&
        (all || planned_under.xmax == snapshot.xmax || (lost != 0 && planned_under.xmin >= lost))) {
        return;
    }
    ResetPlanCache();
    forget_role_settings();
    auto* running = static_cast<uint32_t*>(MemoryContextAlloc(
        TopMemoryContext, sizeof(uint32_t) * std::max<size_t>(1, snapshot.running_count)));
    std::copy_n(snapshot.running, snapshot.running_count, running);
    if (planned_under.running != nullptr) pfree(const_cast<uint32_t*>(planned_under.running));
    planned_under = snapshot;
    planned_under.running = running;
}

void renew_doubtful_plans() {
    if (!doubtful) return;
    doubtful = false;
    ResetPlanCache();
}

void doubt_plans() {
    doubtful = true;
}

void install_plans() {
    CacheRegisterRelcacheCallback(relation_changed, 0);
}

}  // namespace cache_ext::pg
