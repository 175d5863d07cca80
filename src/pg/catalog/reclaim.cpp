#include "pg/catalog/reclaim.hpp"

#include "pg/base/after_locks.hpp"
#include "pg/pool/dropped_work.hpp"
#include "pg/catalog/hard_writers.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/base/snapshots.hpp"

extern "C" {
#include "access/parallel.h"
#include "catalog/pg_extension.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {

namespace {

struct Block {
    core::CacheIndex index;
    uint64 id;
    uint32 generation;
    core::Xid unsettled;
};

bool has_ended(core::Xid unsettled, const core::Snapshot& snapshot) {
    return unsettled <= core::kLeftBehind || !snapshot.in_progress(unsettled);
}

// What is to be released; in TopMemoryContext.
Block* planned = nullptr;
int planned_count = 0;
int planned_room = 0;
bool committed = false;

// After the invalidation messages were sent: a session that has not heard of the drop cannot
// publish any more (it would hear of it first), whatever control block it makes.
void release_planned() {
    if (!committed) return;
    for (int i = 0; i < planned_count; ++i) {
        store().release(planned[i].index, planned[i].id);
        forget_work(planned[i].id);
    }
    forget_releases();
}

}  // namespace

struct Attached {
    core::Snapshot snapshot;
    int count;
    Block blocks[FLEXIBLE_ARRAY_MEMBER];
};

Attached* attached_blocks() {
    if (!store_ready() || RecoveryInProgress() || IsInParallelMode() ||
        TransactionIdIsValid(GetTopTransactionIdIfAny())) {
        return nullptr;
    }
    Attached* attached = nullptr;
    const uint32 max = store().max_caches();
    for (core::CacheIndex i = 0; i < max; ++i) {
        const core::CacheControl* c = store().control(i);
        const uint64 id = core::load_acquire(c->id);
        if (id == 0 || core::load_relaxed(c->database) != MyDatabaseId) continue;
        if (attached == nullptr) {
            attached = static_cast<Attached*>(
                palloc0(offsetof(Attached, blocks) + sizeof(Block) * (max - i)));
        }
        // A block that goes to another cache meanwhile has another generation.
        const uint32 generation = core::load_acquire(c->generation);
        attached->blocks[attached->count++] = {i, id, generation, core::load_relaxed(c->unsettled)};
    }
    if (attached == nullptr) return nullptr;
    InvalidateCatalogSnapshot();
    attached->snapshot = copy_to_core(GetCatalogSnapshot(ExtensionRelationId));
    return attached;
}

void settle(const Attached* attached, const uint64* declared, int count) {
    for (int i = 0; attached != nullptr && i < attached->count; ++i) {
        const Block& b = attached->blocks[i];
        // Whoever made the block may be the one who declares the cache just now; whoever drops it
        // may be rolled back.
        if (!has_ended(b.unsettled, attached->snapshot)) continue;
        if (std::find(declared, declared + count, b.id) != declared + count) {
            if (b.unsettled != core::kSettled) {
                store().settle(b.index, {b.id, b.generation, b.unsettled, core::kSettled});
            }
            continue;
        }
        // It is gone. The block may go once everybody can know that: until then somebody would make
        // it anew, and publish what no writer speaks against any more.
        core::Xid by;
        if (messages_sent(b.index, attached->snapshot, &by) || b.unsettled == core::kLeftBehind) {
            store().release(b.index, b.id, b.generation);
            forget_work(b.id);
        } else {
            store().settle(b.index, {b.id, b.generation, b.unsettled, core::kLeftBehind});
        }
    }
}

core::Xid unsettled_until() {
    const TransactionId xid = GetTopTransactionIdIfAny();
    return TransactionIdIsValid(xid) ? widen(xid) : core::kUnsettled;
}

void release_after_commit(core::CacheIndex index, uint64 id) {
    store().unsettle(index, id, unsettled_until());
    call_after_locks(AfterLocks::kControlBlocks, release_planned);
    if (planned_count == planned_room) {
        const int room = std::max(16, 2 * planned_room);
        const Size bytes = sizeof(Block) * static_cast<Size>(room);
        planned =
            static_cast<Block*>(planned == nullptr ? MemoryContextAlloc(TopMemoryContext, bytes)
                                                   : repalloc(planned, bytes));
        planned_room = room;
    }
    planned[planned_count++] = {index, id, 0, core::kSettled};
}

void forget_releases() {
    if (planned != nullptr) pfree(planned);
    planned = nullptr;
    planned_count = planned_room = 0;
    committed = false;
}

void transaction_committed_for_reclaim() {
    committed = planned_count > 0;
}

bool unsettled_here(const core::Snapshot& snapshot) {
    for (core::CacheIndex i = 0; i < store().max_caches(); ++i) {
        const core::CacheControl* c = store().control(i);
        const core::Xid unsettled = core::load_relaxed(c->unsettled);
        if (core::load_relaxed(c->id) != 0 && core::load_relaxed(c->database) == MyDatabaseId &&
            unsettled != core::kSettled && has_ended(unsettled, snapshot)) {
            return true;
        }
    }
    return false;
}

}  // namespace cache_ext::pg
