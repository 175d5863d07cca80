#include "pg/load/plans.hpp"

#include "pg/base/store_handle.hpp"
#include "pg/load/session_settings.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

bool doubtful = false;

// What a session has changed itself it hears of while that is rolled back or handed over, and then
// only: what others change arrives in transactions that are in progress.
void undone() {
    if (!IsTransactionState()) doubtful = true;
}
void relation_undone(Datum, Oid) {
    undone();
}
void row_undone(Datum, int, uint32) {
    undone();
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
    if (seen &&
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

void install_plans() {
    CacheRegisterRelcacheCallback(relation_undone, 0);
    // What a statement is understood by beside relations and functions; plans that use one of these
    // are told themselves.
    for (const int cache :
         {AMPROCNUM, CASTSOURCETARGET, CLAOID, COLLOID, OPEROID, OPFAMILYOID, PROCOID, TYPEOID}) {
        CacheRegisterSyscacheCallback(cache, row_undone, 0);
    }
}

}  // namespace cache_ext::pg
