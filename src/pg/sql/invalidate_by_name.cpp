// cache_invalidate, cache_invalidate_all, cache_invalidate_like.
#include "pg/catalog/arguments.hpp"
#include "pg/write/changes.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/base/entries.hpp"
#include "pg/sql/invalidate.hpp"
#include "pg/sql/like.hpp"
#include "pg/write/puts.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/base/snapshots.hpp"
#include "pg/catalog/key_text.hpp"

extern "C" {
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

struct KeyPattern {
    const Definition* definition;
    LikePattern pattern;
    MemoryContext scratch;  // a key of 8 kB can be 100 MB of text
};

bool key_matches(const uint8* key, void* context) {
    const auto* p = static_cast<const KeyPattern*>(context);
    const Definition* d = p->definition;
    CHECK_FOR_INTERRUPTS();
    MemoryContext old = MemoryContextSwitchTo(p->scratch);
    const char* text = key_text(key, d->columns, d->key_types);
    const bool matches = text != nullptr && like(text, strlen(text), p->pattern);
    MemoryContextSwitchTo(old);
    MemoryContextReset(p->scratch);
    return matches;
}

// The key counts as changed by this transaction, and its entry goes; false: there is none.
bool invalidate_key(const Definition* d, const core::EntryInfo& e, const uint8* bytes,
                    MemoryContext scratch) {
    MemoryContext old = MemoryContextSwitchTo(scratch);
    KeyArguments arguments;
    decode_key(bytes, d->columns, d->key_types, arguments.values, arguments.nulls);
    Key key;
    encode_key(d->cache_id(), d->columns, d->key_types, arguments.values, arguments.nulls, &key);
    collect_given(d, key);
    const bool removed = store().remove(e.cache, {e.hash, bytes, e.key_bytes});
    MemoryContextSwitchTo(old);
    MemoryContextReset(scratch);
    return removed;
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_invalidate_1_0);
PG_FUNCTION_INFO_V1(cache_invalidate_all_1_0);
PG_FUNCTION_INFO_V1(cache_invalidate_like_1_0);
}

extern "C" Datum cache_invalidate_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    require_invalidating(d, "cache_invalidate");
    KeyArguments arguments;
    key_arguments(fcinfo, 1, d, &arguments);
    PG_RETURN_INT64(invalidate_given(d, arguments.values, arguments.nulls));
}

extern "C" Datum cache_invalidate_all_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    require_invalidating(d, "cache_invalidate_all");
    const core::CacheIndex index = control_block(d);
    drop_pending_puts(d->id, nullptr);
    collect_whole(d->id, false);
    PG_RETURN_INT64(remove_entries(index));
}

// Keys are listed first and compared outside of any lock; an entry that is filled meanwhile is safe
// from neither, as with any invalidation that overlaps it.
extern "C" Datum cache_invalidate_like_1_0(PG_FUNCTION_ARGS) {
    const Definition* d = named_cache(fcinfo);
    require_invalidating(d, "cache_invalidate_like");
    if (PG_ARGISNULL(1)) {
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("pattern must not be null")));
    }
    const text* like_pattern = PG_GETARG_TEXT_PP(1);
    KeyPattern pattern = {
        d,
        {VARDATA_ANY(like_pattern), VARSIZE_ANY_EXHDR(like_pattern)},
        AllocSetContextCreate(CurrentMemoryContext, "cache_ext key", ALLOCSET_DEFAULT_SIZES)};
    check_like_pattern(pattern.pattern);
    drop_pending_puts_if(d->id, key_matches, &pattern);
    const core::CacheIndex index = control_block(d);
    if (index == core::kNoCache) PG_RETURN_INT64(0);
    int64 n = 0;
    GetTopTransactionId();
    for_each_entry(to_core(GetActiveSnapshot()), [&](const core::EntryInfo& e, const uint8* bytes) {
        if (e.cache != index || !key_matches(bytes, &pattern)) return;
        if (invalidate_key(d, e, bytes, pattern.scratch)) ++n;
    });
    PG_RETURN_INT64(n);
}

}  // namespace cache_ext::pg
