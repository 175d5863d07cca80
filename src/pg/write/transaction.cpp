// The order of events is what exactness rests on: a writer is registered before its commit can be
// seen, under a snapshot newer than whatever it has to announce first.
//
// Before the commit, or the prepare (errors still end the transaction):
//    1. Transactions that were prepared before the server started are listed: this may end one.
//    2. What was put is due. Before a prepare it becomes an invalidation, as no put survives one.
//    3. Definitions are read if they are not known, and held: nothing below finds others.
//    4. DDL is judged, and becomes tags of the relations that it concerns.
//    5. Changed rows that no trigger has told become whole caches.
//    6. Paths are announced, and looked up under snapshots newer than the announcements.
//    7. Only before a prepare: locks are left that tell of hard changes over a restart.
//    8. DDL that concerns whole databases is registered with every control block; then the tags of
//       4 to 6, and of the triggers before them.
//    9. Caches to be loaded again are noted.
//   10. Control blocks that are about to go are said to be.
//   11. From now on whatever is collected is registered at once.
//
// After the commit (an error would be a PANIC of the whole server; nothing raises one):
//    1. Control blocks and notices know that they are due.
//    2. Runs that an error has left behind are left.
//    3. Puts are published, and reloads asked for: others can see by now what was written.
//    4. Everything noted above is forgotten, puts are due no more. Definitions are let go of, and
//    are
//       out of date if they had to do without a control block; retired ones are freed last.
//   Then, once locks are released and invalidation messages sent (after_locks.hpp): control blocks
//   go, work goes on for caches that were not dropped after all, and workers are told.
//
// After a rollback, and after a prepare, which is the end of the transaction here: the same without
// 3; planned releases are forgotten, after a rollback notices, too; and what was loaded from this
// transaction's own rows is out of date.
//
// A subtransaction: puts and paths first; after a rollback runs, definitions, DDL and flights; then
// what was collected and released. What it noted is its parent's, or forgotten (levels.hpp).
#include "pg/write/transaction.hpp"

#include "pg/write/changes.hpp"
#include "pg/load/environment.hpp"
#include "pg/load/flights.hpp"
#include "pg/load/plans.hpp"
#include "pg/base/guarded.hpp"
#include "pg/write/notices.hpp"
#include "pg/write/own_ddl.hpp"
#include "pg/write/path_rows.hpp"
#include "pg/write/paths.hpp"
#include "pg/write/puts.hpp"
#include "pg/catalog/reclaim.hpp"
#include "pg/write/registration.hpp"
#include "pg/ddl/row_counts.hpp"
#include "pg/write/relation_changes.hpp"
#include "pg/write/releases.hpp"
#include "pg/write/reloads.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/survivors.hpp"

extern "C" {
#include "access/xact.h"
#include "catalog/catalog.h"
#include "postmaster/autovacuum.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

void know_definitions(void*) {
    read_definitions_without_waiting();
}

// Every cache that has a control block; those that have none yet will distrust what was before.
void register_whole_database(const core::Snapshot& snapshot, bool preparing) {
    // First for the blocks that are made from now on: one that is being made is among these, or is
    // there for the loop.
    store().note_exhausted();
    for (core::CacheIndex i = 0; i < store().max_caches(); ++i) {
        const core::CacheControl* c = store().control(i);
        if (c->database != MyDatabaseId || core::load_relaxed(c->id) == 0) continue;
        register_with({c->whole_tag, core::TagKind::kWhole, true, i}, own_xid(), snapshot);
    }
    if (preparing) mark_hard_survivor(MyDatabaseId, 0);
}

bool changed_cache(uint64 id) {
    return collected_of(id) || ddl_concerns_here(id);
}

// Autovacuum changes none, unless functions of indexes that it runs do.
bool changed_rows_of_users() {
    return !for_each_changed_relation(IsCatalogRelationOid);
}

void register_all(bool preparing) {
    if (!TransactionIdIsValid(GetTopTransactionIdIfAny()) || RecoveryInProgress() ||
        (MyBackendType == B_AUTOVAC_WORKER && !changed_rows_of_users())) {
        return;
    }
    const bool sure =
        definitions_known() || guarded(know_definitions, nullptr,
                                       "definitions cannot be read, all caches are invalidated");
    hold_definitions(true);
    collect_ddl(sure);
    if (sure) collect_unseen_changes();
    resolve_paths();
    if (sure && !anything_collected() && !ddl_to_register()) return;
    const core::Snapshot snapshot = copy_to_core(GetLatestSnapshot());
    if (preparing) mark_hard_changes();
    register_ddl(snapshot, preparing);
    register_collected(snapshot);
    if (sure) {
        collect_reloads(changed_cache);
    } else {
        register_whole_database(snapshot, preparing);
    }
}

void before_commit(bool preparing) {
    note_survivors();
    if (preparing) {
        visit_pending_puts(collect_put);
        begin_preparing();
    } else {
        begin_due_puts();
    }
    if (store_ready()) {
        register_all(preparing);
        plan_releases();
    }
    register_from_now_on();
}

void forget_everything() {
    transaction_ended_for_counts();
    discard_pending_puts();
    forget_changes();
    forget_collected_relations();
    forget_releases_at_commit();
    hold_definitions(false);
    transaction_ended_for_flights();
    forget_reloads();
    forget_path_rows();
    forget_ddl();
    transaction_ended_for_definitions();
    free_retired_definitions();
}

void after_commit() {
    transaction_committed_for_reclaim();
    transaction_committed_for_notices();
    leave_aborted_runs(0);
    if (store_ready()) {
        publish_pending_puts(U64FromFullTransactionId(GetTopFullTransactionIdIfAny()));
        ask_for_reloads();
    }
    forget_everything();
}

// Also after a parallel worker's part of it.
void after_rollback_or_prepare() {
    leave_aborted_runs(0);
    if (ddl_noted()) doubt_plans();
    transaction_aborted_for_definitions();
    forget_everything();
}

void transaction_event(XactEvent event, void*) {
    switch (event) {
        case XACT_EVENT_PRE_PREPARE:
            before_commit(true);
            break;
        case XACT_EVENT_PRE_COMMIT:
            before_commit(false);
            break;
        case XACT_EVENT_COMMIT:
            after_commit();
            break;
        case XACT_EVENT_ABORT:
            forget_releases();
            transaction_aborted_for_notices();
            after_rollback_or_prepare();
            break;
        case XACT_EVENT_PREPARE:
            forget_releases();
            // Too early, but nobody else will: the callbacks of COMMIT PREPARED are not ours. The
            // look after the first use of a cache makes up for it.
            transaction_committed_for_notices();
            after_rollback_or_prepare();
            break;
        case XACT_EVENT_PARALLEL_COMMIT:
        case XACT_EVENT_PARALLEL_ABORT:
            after_rollback_or_prepare();
            break;
        default:
            break;
    }
}

void subtransaction_event(SubXactEvent event, SubTransactionId, SubTransactionId, void*) {
    const int level = GetCurrentTransactionNestLevel();
    if (event == SUBXACT_EVENT_START_SUB) subtransaction_started_for_definitions(level);
    if (event != SUBXACT_EVENT_ABORT_SUB && event != SUBXACT_EVENT_COMMIT_SUB) return;
    const bool committed = event == SUBXACT_EVENT_COMMIT_SUB;
    subtransaction_ended_for_puts(level, committed);
    subtransaction_ended_for_path_rows(level, committed);
    if (!committed) {
        leave_aborted_runs(level);
        if (ddl_noted()) doubt_plans();
        transaction_aborted_for_definitions();
        subtransaction_aborted_for_definitions(level);
        subtransaction_aborted_for_ddl();
        subtransaction_aborted_for_flights(level);
    }
    subtransaction_ended_for_changes(level, committed);
    subtransaction_ended_for_collected_relations(level, committed);
    subtransaction_ended_for_releases(level, committed);
}

}  // namespace

void install_transaction_callbacks() {
    RegisterXactCallback(transaction_event, nullptr);
    RegisterSubXactCallback(subtransaction_event, nullptr);
}

}  // namespace cache_ext::pg
