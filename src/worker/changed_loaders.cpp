// Has what a suspended cache is made of changed? Then it is worth another attempt.
#include "worker/workers.hpp"

#include "pg/pool/conduct.hpp"

extern "C" {
#include "access/htup_details.h"
#include "common/hashfn.h"
#include "utils/syscache.h"
}

namespace cache_ext::worker {
namespace {

uint64 mix(uint64 hash, const char* text) {
    return text == nullptr
               ? hash_combine64(hash, 0)
               : hash_combine64(hash, hash_bytes_extended(reinterpret_cast<const uint8*>(text),
                                                          static_cast<int>(strlen(text)), 1));
}

// Another one after CREATE OR REPLACE or ALTER FUNCTION.
uint64 mix_function(uint64 hash, Oid function) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return hash_combine64(hash, 0);
    const uint64 version = static_cast<uint64>(HeapTupleHeaderGetRawXmin(tuple->t_data)) << 32 |
                           static_cast<uint64>(ItemPointerGetBlockNumber(&tuple->t_self)) << 16 |
                           ItemPointerGetOffsetNumber(&tuple->t_self);
    ReleaseSysCache(tuple);
    return hash_combine64(hash_combine64(hash, function), version);
}

}  // namespace

uint64 fingerprint_of(const pg::Definition* d) {
    uint64 hash = d->id;
    for (const Oid function : {d->loader, d->load_many, d->load_all}) {
        hash = mix_function(hash, function);
    }
    hash = mix(mix(hash, d->loader_name), d->warm_keys);
    for (const int64 n : {d->load_timeout_ms, d->ttl_ms, static_cast<int64>(d->refresh_after_ms),
                          static_cast<int64>(d->refresh_beta), d->sync_every_ms, d->warm_every_ms,
                          static_cast<int64>(d->priority)}) {
        hash = hash_combine64(hash, static_cast<uint64>(n));
    }
    return hash;
}

core::Millis resume_changed(core::Millis now) {
    core::Millis next = core::kNever;
    for (int i = 0; pg::any_suspended(now) && i < pg::definition_count(); ++i) {
        const pg::Definition* d = pg::definition_at(i);
        pg::Conduct known;
        if (!pg::suspension(d->id, &known)) continue;
        if (fingerprint_of(d) == known.fingerprint) {
            next = now + pg::kLookForChangesMs;
            continue;
        }
        pg::resume(d->id);
    }
    return next;
}

}  // namespace cache_ext::worker
