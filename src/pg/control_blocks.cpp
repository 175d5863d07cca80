// Definitions meet shared memory: the control block of each cache.
#include "pg/definitions.hpp"
#include "pg/guarded.hpp"
#include "pg/paths.hpp"
#include "pg/shared.hpp"

extern "C" {
#include "access/parallel.h"
#include "catalog/pg_authid.h"
#include "executor/spi.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

// Transactions that were prepared before the server started left no trace in shared memory. Their
// XIDs are registered as writers of every cache whose control block is made, and agreement does the
// rest. Those prepared since then have registered themselves; registering them again does no harm.
// *complete: all of what they may have done was registered.
struct Registration {
    uint64 id;
    core::CacheIndex index;
    core::Tag whole_tag;
    bool complete;
};

void register_prepared_transactions(void* argument) {
    auto* r = static_cast<Registration*>(argument);
    bool complete = true;
    // The view is everybody's by default; an administrator may have closed it.
    Oid user;
    int security;
    GetUserIdAndSecContext(&user, &security);
    SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
                           security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
    PushActiveSnapshot(GetTransactionSnapshot());
    if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
    // The view reads shared memory, whatever the snapshot.
    SPI_execute(
        "SELECT transaction FROM pg_catalog.pg_prepared_xacts "
        "WHERE database OPERATOR(pg_catalog.=) pg_catalog.current_database()",
        true, 0);
    for (uint64 i = 0; i < SPI_processed; ++i) {
        bool null;
        const Datum xid = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &null);
        const core::Xid writer = widen(DatumGetTransactionId(xid));
        store().register_writer({r->whole_tag, core::TagKind::kWhole, false, r->index, true},
                                writer, core::Ended{});
        complete = announce_prepared(r->id, writer) && complete;
    }
    SPI_finish();
    PopActiveSnapshot();
    SetUserIdAndSecContext(user, security);
    r->complete = complete;
}

// Gives back control blocks of this database that no definition claims: a session that had not
// heard of a drop yet can make one, and the callbacks of a prepared transaction that drops a cache
// never run. One that another session has just declared may be among them; what is made for it anew
// distrusts all writers before (exhausted), so nothing is lost but values.
bool release_orphans() {
    bool any = false;
    for (core::CacheIndex i = 0; i < store().max_caches(); ++i) {
        const core::CacheControl* c = store().control(i);
        const uint64 id = core::load_relaxed(c->id);
        if (id == 0 || c->database != MyDatabaseId || find_definition_by_id(id) != nullptr) {
            continue;
        }
        store().release(i, id);
        any = true;
    }
    return any;
}

}  // namespace

core::CacheIndex attach_control_block(uint64 id) {
    const core::CacheIndex known = store().find(MyDatabaseId, id);
    if (known != core::kNoCache) return known;
    if (IsInParallelMode()) return core::kNoCache;  // no subtransactions there; the next read will
    const core::Tag tag = whole_tag({MyDatabaseId, id});
    const core::Xid next_xid = U64FromFullTransactionId(ReadNextFullTransactionId());
    bool created;
    core::CacheIndex index = store().attach(MyDatabaseId, id, tag, next_xid, &created);
    if (index == core::kNoCache && release_orphans()) {
        index = store().attach(MyDatabaseId, id, tag, next_xid, &created);
    }
    if (created) {
        Registration r = {id, index, tag, false};
        guarded(register_prepared_transactions, &r, "prepared transactions are not known");
        if (r.complete && !store().exhausted()) store().trust(index);
    }
    return index;
}

core::CacheIndex control_block(const Definition* d) {
    if (d->index != core::kNoCache && store().is(d->index, d->id)) return d->index;
    auto* definition = const_cast<Definition*>(d);  // the one field that is filled in later
    definition->index = attach_control_block(d->id);
    if (definition->index != core::kNoCache) {
        core::Limits limits = d->limits;
        if (d->budget_id != 0) {
            const Definition* owner = find_definition_by_id(d->budget_id);
            if (owner != nullptr) limits.budget = control_block(owner);
        }
        store().set_limits(definition->index, limits);
    }
    return definition->index;
}

}  // namespace cache_ext::pg
