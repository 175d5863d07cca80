#include "pg/catalog/control_blocks.hpp"

#include "pg/catalog/ddl_writers.hpp"
#include "pg/catalog/definitions.hpp"
#include "pg/catalog/path_announcements.hpp"
#include "pg/catalog/reclaim.hpp"
#include "pg/base/settings.hpp"
#include "pg/catalog/survivors.hpp"
#include "pg/pool/looks.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

core::Xid next_xid() {
    return U64FromFullTransactionId(ReadNextFullTransactionId());
}

// Not set: all but a tenth, which is left to others.
uint32 quota(int setting) {
    const int all = settings.max_caches;
    return static_cast<uint32>(setting == 0 ? all - all / 10 : setting);
}

// For whose quota a cache of that owner counts. pg_database_owner is another role in each database:
// the owner of this one.
Oid counted_for(Oid owner) {
    if (owner != ROLE_PG_DATABASE_OWNER) return owner;
    HeapTuple tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(MyDatabaseId));
    if (!HeapTupleIsValid(tuple)) return InvalidOid;
    owner = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple))->datdba;
    ReleaseSysCache(tuple);
    return owner;
}

// Registers whoever may have changed the cache before there was a control block, and may not have
// been seen to end by all snapshots: those that were prepared before the server started. They may
// have ended by now, so their records are borrowed. Whoever was prepared later has made the control
// block. False: not all of what they may have done could be registered.
bool register_survivors(uint64 id, core::CacheIndex index, core::Tag whole) {
    const Survivor* all;
    int count;
    bool complete = survivors(&all, &count);
    const Definition* d = definitions_known() ? find_definition_by_id(id) : nullptr;
    const bool as_reader = d == nullptr || d->as_reader;
    for (int i = 0; i < count; ++i) {
        const bool hard = is_hard_survivor(all[i].xid, id, as_reader);
        if (all[i].database != MyDatabaseId && !hard) continue;
        store().register_writer({whole, core::TagKind::kWhole, hard, index, true}, all[i].xid,
                                core::Ended{});
        complete = announce_prepared(id, all[i].xid) && complete;
    }
    return complete;
}

// Might a block be had that was left behind?
bool left_blocks_here() {
    return ActiveSnapshotSet() && unsettled_here(to_core(GetActiveSnapshot()));
}

}  // namespace

core::CacheIndex attach_control_block(uint64 id, Oid owner) {
    const core::CacheIndex known = store().find(MyDatabaseId, id);
    if (known != core::kNoCache) return known;
    // Who writes on the primary meanwhile cannot be known: it is made after the promotion, or
    // never.
    if (RecoveryInProgress()) return core::kNoCache;
    const core::Tag tag = whole_tag({MyDatabaseId, id});
    bool created;
    const core::CacheIndex index =
        store().attach({MyDatabaseId,
                        id,
                        tag,
                        unsettled_until(),
                        {counted_for(owner), quota(settings.max_caches_per_role),
                         quota(settings.max_caches_per_database)}},
                       next_xid, &created);
    if (index == core::kNoCache && !definitions_to_be_read() && left_blocks_here()) {
        read_definitions_after_transaction();
    }
    if (created) {
        request_look(MyDatabaseId);
        register_ddl_writers(index, tag);
    }
    if (created && register_survivors(id, index, tag) && !store().exhausted()) {
        store().trust(index);
    }
    return index;
}

core::CacheIndex find_control_block(const Definition* d) {
    core::CacheIndex& index = d->session->index;
    index = attach_control_block(d->id, d->owner);
    if (index == core::kNoCache) return index;
    store().set_owner(index, d->id, counted_for(d->owner));
    core::Limits limits = d->limits;
    if (d->budget_id != 0) {
        const Definition* owner = find_definition_by_id(d->budget_id);
        if (owner != nullptr) limits.budget = control_block(owner);
    }
    store().set_limits(index, limits);
    return index;
}

void find_control_blocks() {
    for (int i = 0; i < definition_count(); ++i) {
        const Definition* d = definition_at(i);
        core::CacheIndex& index = d->session->index;
        if (index != core::kNoCache && store().is(index, d->id)) continue;
        index = core::kNoCache;
        // One that others have made is as good as attached: owner and limits are set, too.
        if (store().find(MyDatabaseId, d->id) != core::kNoCache) find_control_block(d);
    }
}

}  // namespace cache_ext::pg
