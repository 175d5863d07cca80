// Definitions meet shared memory: the control block of each cache.
#pragma once

#include "pg/catalog/definition.hpp"
#include "pg/base/store_handle.hpp"

namespace cache_ext::pg {

// What control_block does when the one that was found last has gone to another cache.
core::CacheIndex find_control_block(const Definition* definition);
// The control block of a definition, made if need be; kNoCache when there is none to be had.
inline core::CacheIndex control_block(const Definition* d) {
    return store().is(d->session->index, d->id) ? d->session->index : find_control_block(d);
}
// Control blocks of all definitions that have one, without making any. Needs shared memory.
void find_control_blocks();
// The same by id alone, for a cache whose definition is not at hand.
core::CacheIndex attach_control_block(uint64 id, Oid owner = InvalidOid);

}  // namespace cache_ext::pg
