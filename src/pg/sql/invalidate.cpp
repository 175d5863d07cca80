#include "pg/sql/invalidate.hpp"

#include "pg/base/entries.hpp"
#include "pg/base/snapshots.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/load/run.hpp"
#include "pg/write/changes.hpp"
#include "pg/write/puts.hpp"

extern "C" {
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

// Of all sessions that have one for this key.
int64 remove_variants(core::CacheIndex index, const core::KeyView& given) {
    int64 n = 0;
    for_each_entry(to_core(GetActiveSnapshot()), [&](const core::EntryInfo& e, const uint8* bytes) {
        if (e.cache != index || e.key_bytes < given.size) return;
        if (given.size > 0 && memcmp(bytes, given.bytes, given.size) != 0) return;
        if (store().remove(index, {e.hash, bytes, e.key_bytes})) ++n;
    });
    return n;
}

}  // namespace

void require_invalidating(const Definition* d, const char* what) {
    require_owner(d);
    require_store(what);
    forbid_in_run(what);
    PreventCommandDuringRecovery(what);
}

void collect_given(const Definition* d, const Key& key) {
    if (d->columns == 0) {
        collect_whole(d->id, false);
    } else {
        collect_change(d, d->all_columns(), key.column_hash);
    }
}

int64 invalidate_given(const Definition* d, const Datum* values, const bool* nulls) {
    Key key;
    encode_key(d->cache_id(), d->columns, d->key_types, values, nulls, &key);
    const core::CacheIndex index = control_block(d);
    GetTopTransactionId();
    drop_pending_puts(d->id, &key);
    collect_given(d, key);
    if (index == core::kNoCache) return 0;
    if (d->varies()) return remove_variants(index, key.view);
    return store().remove(index, key.view) ? 1 : 0;
}

}  // namespace cache_ext::pg
