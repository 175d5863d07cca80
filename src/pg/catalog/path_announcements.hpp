// What transactions say of a path while they look keys up through it, or move keys (paths.hpp):
// tags that no entry carries.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// Writers whose changed rows reach their keys through the path.
core::Tag children_tag(int64 path);
// Writers of the tables that the path leads through.
core::Tag movers_tag(int64 path);

// For a transaction that was prepared before the server started: what it had announced is lost, so
// it counts as having changed every path of the cache, and as having looked every path up. False:
// the paths are not known now.
bool announce_prepared(uint64 cache_id, core::Xid xid);

}  // namespace cache_ext::pg
