#include "pg/catalog/ddl_writers.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/base/snapshots.hpp"

extern "C" {
#include "access/twophase.h"
#include "access/xact.h"
#include "storage/lmgr.h"
#include "storage/shmem.h"
}

namespace cache_ext::pg {
namespace {

struct DdlWriters {
    int count;
    DdlWriter all[FLEXIBLE_ARRAY_MEMBER];
};

DdlWriters* list = nullptr;
LWLock* list_lock = nullptr;

// A transaction holds its lock until its invalidation messages are out.
bool may_run(core::Xid xid) {
    if (xid == U64FromFullTransactionId(GetTopFullTransactionIdIfAny())) return true;
    if (xid + kLongAgo < latest_completed_xid()) return false;
    return !try_xact_lock(static_cast<TransactionId>(xid));
}

int copy_all(DdlWriter* out) {
    LWLockAcquire(list_lock, LW_SHARED);
    const int n = list->count;
    std::copy_n(list->all, n, out);
    LWLockRelease(list_lock);
    return n;
}

bool same(const DdlWriter& a, const DdlWriter& b) {
    return a.xid == b.xid && a.database == b.database;
}

}  // namespace

// Transactions of that kind hold a backend or a prepared transaction each, and those that have
// ended leave when the next one comes. Two each: for this database, and for all.
int ddl_writers_room() {
    return 2 * (MaxBackends + max_prepared_xacts) + 2;
}

size_t ddl_writers_bytes() {
    return add_size(offsetof(DdlWriters, all),
                    mul_size(sizeof(DdlWriter), static_cast<size_t>(ddl_writers_room())));
}

void attach_ddl_writers(LWLock* lock) {
    bool found;
    list_lock = lock;
    list = static_cast<DdlWriters*>(
        ShmemInitStruct("cache_ext DDL writers", ddl_writers_bytes(), &found));
    if (!found) memset(static_cast<void*>(list), 0, ddl_writers_bytes());
}

void announce_ddl(Oid database, DdlScope scope) {
    const DdlWriter own = {U64FromFullTransactionId(GetTopFullTransactionId()), database, scope};
    auto* known = static_cast<DdlWriter*>(palloc(sizeof(DdlWriter) * ddl_writers_room()));
    const int n = copy_all(known);
    // Asked before the lock is taken. What has ended meanwhile only stays a little longer.
    DdlWriter* ended =
        std::partition(known, known + n, [](const auto& w) { return may_run(w.xid); });
    bool full = false;
    LWLockAcquire(list_lock, LW_EXCLUSIVE);
    DdlWriter* end = std::remove_if(list->all, list->all + list->count, [&](const auto& w) {
        return std::any_of(ended, known + n, [&](const auto& e) { return same(e, w); });
    });
    list->count = static_cast<int>(end - list->all);
    DdlWriter* mine = std::find_if(list->all, end, [&](const auto& w) { return same(w, own); });
    if (mine != end) {
        mine->scope = std::max(mine->scope, scope);
    } else if (list->count < ddl_writers_room()) {
        list->all[list->count++] = own;
    } else {
        full = true;
    }
    LWLockRelease(list_lock);
    // Cannot happen, see ddl_writers_room(); a new control block would not know all writers.
    if (full) store().note_exhausted();
    pfree(known);
}

int ddl_writers(Oid database, DdlScope scope, DdlWriter* out) {
    const int n = copy_all(out);
    return static_cast<int>(std::remove_if(out, out + n,
                                           [&](const auto& w) {
                                               return (w.database != database &&
                                                       OidIsValid(w.database)) ||
                                                      w.scope < scope;
                                           }) -
                            out);
}

void register_ddl_writers(core::CacheIndex index, core::Tag whole) {
    auto* writers = static_cast<DdlWriter*>(palloc(sizeof(DdlWriter) * ddl_writers_room()));
    const int n = ddl_writers(MyDatabaseId, DdlScope::kOwners, writers);
    for (int i = 0; i < n; ++i) {
        if (!may_run(writers[i].xid)) continue;
        store().register_writer({whole, core::TagKind::kWhole, true, index, true}, writers[i].xid,
                                core::Ended{});
    }
    pfree(writers);
}

}  // namespace cache_ext::pg
