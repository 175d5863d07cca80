// Tracked relations: what loaders have been seen to read without anybody having declared it.
//
// What it gives: a writer finds, by the relation that it has changed, the caches whose values may
// depend on that, and registers for each as a whole (tags.hpp). No entry carries anything for it,
// so a hit costs nothing.
// What it costs: a fixed table, 8 bytes and two bits for each cache a slot, two slots a relation.
//
// A relation begins to be tracked for a cache in two steps. announce(): whoever looks from now on,
// before his commit, finds the cache. complete(): whoever had looked before lies below the XID that
// is asked then, so nobody is served who cannot see all of those (WriterRing::unknown_below). Only
// then a value may be published that was computed from the relation.
//
// Slots are found by linear probing, without a lock; the tracked lock is for those who change them.
// A slot whose caches are gone is free for another relation: a reader who meets it in between may
// register for a cache too many, or miss one that has been announced since he began.
#pragma once

#include <cstdint>

#include "core/block.hpp"

namespace cache_ext::core {

// A relation of a database. Never 0.
using RelationKey = std::uint64_t;
inline constexpr RelationKey relation_key(std::uint32_t database, std::uint32_t relation) {
    return RelationKey{database} << 32 | relation;
}

// May values of the cache that were computed from the relation be published? No lock.
bool is_tracked(const Block& block, RelationKey relation, CacheIndex cache);

// Grows whenever something has become tracked, or is not any more. No lock.
std::uint64_t tracked_changes(const Block& block);

// False: there is no room for one more relation of this database, which may have all places but a
// tenth, or the cache is gone. No lock.
bool announce(const Block& block, RelationKey relation, CacheIndex cache, std::uint64_t id);
// After announce(). next_xid is asked under the tracked lock; it must be a full barrier. False: it
// is not announced any more. No lock.
bool complete(const Block& block, RelationKey relation, CacheIndex cache, std::uint64_t id,
              Xid (*next_xid)());

// What is declared for a cache may have been derived from its loader's text, which turns out to be
// another one now. Derivations are numbered in the order in which they are made; of those up to
// that number writers learn here that they tell nothing, so that they go by what is tracked. Those
// who had looked before lie below the XID that is asked then, as with complete(), and next_xid is
// as there. False: the cache is gone. No lock.
bool disprove(const Block& block, CacheIndex cache, std::uint64_t id, std::uint64_t derivation,
              Xid (*next_xid)());
// May values be published that were computed where this derivation does not hold? No lock.
bool is_disproven(const Block& block, CacheIndex cache, std::uint64_t derivation);

// The relation is gone, or the cache is. No lock.
void forget_relation(const Block& block, RelationKey relation);
void forget_tracked(const Block& block, CacheIndex cache);

// How many relations are tracked. Copies those of a database to `out`, if that is not null, which
// has room for max_relations of the options. Lock: none; for who only wants to know.
std::uint32_t tracked_relations(const Block& block, std::uint32_t database, RelationKey* out);

// The caches that a change of the relation concerns; an empty place if nobody has read it. No lock.
class TrackingCaches {
  public:
    TrackingCaches(const Block& block, RelationKey relation);
    // kNoCache: there are no more.
    CacheIndex next();

  private:
    const std::uint64_t* announced_ = nullptr;
    std::uint32_t words_ = 0;
    std::uint32_t word_ = 0;
    std::uint64_t bits_ = 0;  // of that word, those that have not been handed out
};

}  // namespace cache_ext::core
