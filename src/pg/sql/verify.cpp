// cache_verify: live entries against their loader, under one snapshot.
#include "pg/catalog/arguments.hpp"
#include "pg/read/bypass.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/base/entries.hpp"
#include "pg/load/load.hpp"
#include "pg/base/memory.hpp"
#include "pg/read/read.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/load/values.hpp"

extern "C" {
#include "common/pg_prng.h"
#include "funcapi.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
}

namespace cache_ext::pg {
namespace {

struct Sample {
    core::KeyView key;
};

// A uniform sample of the entries of one cache that this snapshot would be served (reservoir
// sampling, Vitter's algorithm R).
uint32 take_sample(core::CacheIndex index, const core::Snapshot& snapshot, Sample* sample,
                   uint32 capacity) {
    uint64 seen = 0;
    for_each_entry(snapshot, [&](const core::EntryInfo& e, const uint8* key) {
        if (e.cache != index || e.result != core::LookupResult::kHit) return;
        const uint64 place =
            seen < capacity ? seen : pg_prng_uint64_range(&pg_global_prng_state, 0, seen);
        ++seen;
        if (place >= capacity) return;
        auto* copy = static_cast<uint8*>(palloc(std::max<uint32>(1, e.key_bytes)));
        memcpy(copy, key, e.key_bytes);
        sample[place].key = {e.hash, copy, e.key_bytes};
    });
    return static_cast<uint32>(std::min<uint64>(seen, capacity));
}

// Served and loaded value of one key agree; false for *checked: it is not served any more, or what
// was loaded is this session's own.
bool agrees_with_loader(const Definition* d, const Sample& sample, const core::Snapshot& snapshot,
                        bool* checked) {
    Datum values[kMaxKeyColumns];
    bool nulls[kMaxKeyColumns];
    decode_key(sample.key.bytes, d->columns, d->key_types, values, nulls);
    Key key;
    key.view = sample.key;
    Datum cached = 0;
    const core::Found found = peek_cached(d, key, snapshot, &cached);
    *checked = found.result == core::LookupResult::kHit;
    if (!*checked) return true;
    // As another reader he would do what that one may do.
    const Oid role = from_reader(d, key.view).role;
    *checked = !OidIsValid(role) || role == GetUserId();
    if (!*checked) return true;
    const Loaded loaded = run_loader(d, values, nulls, d->loader_collation, key.view);
    *checked = !loaded.here_only;
    if (!*checked) return true;
    return same_value(d, cached, found.is_null, loaded.value, loaded.is_null);
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_verify_1_0);
}

// cache_verify(name text, sample int) RETURNS TABLE (checked bigint, mismatched bigint)
extern "C" Datum cache_verify_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const Definition* d = named_cache(fcinfo);
    require_owner(d);
    require_store("cache_verify");
    const int32 size = PG_GETARG_INT32(1);
    if (size < 1 || size > 1000000) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("sample must be between 1 and 1000000")));
    }
    int64 checked = 0, mismatched = 0;
    Key any_key = {};
    const core::CacheIndex index = control_block(d);
    const bool may_serve = index != core::kNoCache && d->loader_name != nullptr &&
                           bypass_reason(d, any_key) == core::Bypass::kNone &&
                           !TransactionIdIsValid(GetTopTransactionIdIfAny());
    if (may_serve) {
        const core::Snapshot snapshot = to_core(GetActiveSnapshot());
        auto* sample = make_array<Sample>(static_cast<size_t>(size));
        const uint32 n = take_sample(index, snapshot, sample, static_cast<uint32>(size));
        MemoryContext scratch =
            AllocSetContextCreate(CurrentMemoryContext, "cache_ext verify", ALLOCSET_DEFAULT_SIZES);
        for (uint32 i = 0; i < n; ++i) {
            CHECK_FOR_INTERRUPTS();
            MemoryContext old = MemoryContextSwitchTo(scratch);
            bool was_checked;
            if (!agrees_with_loader(d, sample[i], snapshot, &was_checked)) ++mismatched;
            if (was_checked) ++checked;
            MemoryContextSwitchTo(old);
            MemoryContextReset(scratch);
        }
    }
    Datum values[2] = {Int64GetDatum(checked), Int64GetDatum(mismatched)};
    bool nulls[2] = {};
    tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
