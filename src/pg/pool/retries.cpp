#include "pg/pool/retries.hpp"

#include "core/atomic.hpp"

extern "C" {
#include "common/pg_prng.h"
}

namespace cache_ext::pg {
namespace {

// A task of the cache as a whole backs off as a key does, beside what its keys do to the cache.
core::Tag record_of(core::Tag key) {
    return key == 0 ? 1 : key;
}

}  // namespace

Retry* RetryTable::find(Oid database, uint64 cache_id, core::Tag key) {
    if (count == 0) return nullptr;
    for (Retry& r : entries) {
        if (r.cache_id == cache_id && r.key == key && r.database == database) return &r;
    }
    return nullptr;
}

Retry* RetryTable::make(Oid database, uint64 cache_id, core::Tag key) {
    if (Retry* known = find(database, cache_id, key)) return known;
    Retry* place = &entries[0];
    for (Retry& r : entries) {
        if (r.cache_id == 0) {
            place = &r;
            break;
        }
        if (r.next_try < place->next_try) place = &r;
    }
    if (place->cache_id == 0) core::store_relaxed(count, count + 1);
    *place = {database, cache_id, key, 0, 0};
    return place;
}

core::Millis RetryTable::next_try(Oid database, uint64 cache_id, core::Tag key) const {
    auto* self = const_cast<RetryTable*>(this);
    const Retry* whole = self->find(database, cache_id, 0);
    const Retry* one = self->find(database, cache_id, record_of(key));
    return std::max(whole != nullptr ? whole->next_try : 0, one != nullptr ? one->next_try : 0);
}

core::Millis RetryTable::failed(Oid database, uint64 cache_id, core::Tag key, core::Millis now) {
    const auto once_more = [&](Retry* r, const core::Backoff& backoff) {
        if (r->failures < UINT32_MAX) ++r->failures;
        r->next_try = now + backoff.delay(r->failures, pg_prng_double(&pg_global_prng_state));
        return r->next_try;
    };
    const core::Millis whole = once_more(make(database, cache_id, 0), kCacheBackoff);
    return std::max(whole, once_more(make(database, cache_id, record_of(key)), kKeyBackoff));
}

void RetryTable::succeeded(Oid database, uint64 cache_id, core::Tag key) {
    for (core::Tag tag : {core::Tag{0}, record_of(key)}) {
        Retry* r = find(database, cache_id, tag);
        if (r != nullptr) free(r);
    }
}

void RetryTable::forget(Oid database, uint64 cache_id) {
    if (count == 0) return;
    for (Retry& r : entries) {
        const bool meant = r.cache_id == cache_id || cache_id == 0;
        if (r.cache_id != 0 && r.database == database && meant) free(&r);
    }
}

void RetryTable::free(Retry* r) {
    *r = {};
    core::store_relaxed(count, count - 1);
}

}  // namespace cache_ext::pg
