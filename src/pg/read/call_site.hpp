// A call of one of the functions behind the accessors: which cache it means, and that it may.
#pragma once

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "port/pg_bitutils.h"
}

namespace cache_ext::pg {

// What a function whose arguments begin with (result anyelement, cache text, ...) has found out
// about one place that calls it, for the calls to come.
struct CallSite {
    uint64 generation;  // definitions_generation() of the rest; 0: to be found out in every call
    const Definition* definition;
    Oid user;
    bool own_collation;  // with a key that has a collation of its own, this one
    Oid collation;

    bool holds() const { return generation == definitions_generation() && user == GetUserId(); }
};

// The cache that the call names, fit for it: declared with the types of its result and of its
// arguments from `first_key` on (or arrays of these), and the current user may read it. ERROR
// 22004, 42704, 42804 (its hint is the function of the cache whose name begins with `accessor`),
// 42883 or 42501 if not.
void find_called(FunctionCallInfo fcinfo, int first_key, bool arrays, const char* accessor,
                 CallSite* out);

// Will later calls from the same place name the same cache?
bool names_constant_cache(FunctionCallInfo fcinfo);

// Up to here palloc takes the next power of two anyway (ALLOC_CHUNK_LIMIT).
constexpr uint32 kRounded = 8192;

// How many bytes the cache's values will probably take, and what one did take. A value that has to
// be copied and is larger than expected is looked up twice, so the guess is on the high side and
// falls slowly.
inline uint32 expected_bytes(const Definition* d) {
    return d->session->size_hint;
}
inline void note_bytes(const Definition* d, uint32 bytes) {
    if (bytes > d->session->size_hint) {
        d->session->size_hint = bytes <= kRounded ? pg_nextpower2_32(bytes) : bytes;
    } else {
        d->session->size_hint -= (d->session->size_hint - bytes) / 128;
    }
}

}  // namespace cache_ext::pg
