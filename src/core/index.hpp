// The index: which entry is there for a key. Chains of entries in buckets, by the hash of the key.
//
// Taking an entry out and freeing it are separate steps. Its queue needs the budget lock, which
// comes before the partition lock in the order; so whoever holds only the latter marks the entry
// dead and hands it over (bury_entry), and the next holder of the budget lock frees it
// (collect_dead, budgets.hpp).
#pragma once

#include <cstdint>
#include <cstring>

#include "core/block.hpp"

namespace cache_ext::core {

// A key, encoded: one byte string per combination of arguments. `hash` is the tag of the full key:
// a hash of (database, cache id, key).
struct KeyView {
    Tag hash;
    const std::uint8_t* bytes;
    std::uint32_t size;
};

// The entry of a key, kNullRef if there is none. One that has no value yet is none. Partition lock.
inline Ref find_entry(const Block& block, CacheIndex cache, const KeyView& key) {
    for (Ref ref = *block.bucket(key.hash); ref != kNullRef;) {
        const Entry* e = block.entry(ref);
        if (e->hash == key.hash && e->cache == cache && e->key_bytes == key.size &&
            (key.size == 0 || std::memcmp(e->key(), key.bytes, key.size) == 0) && !e->is_opened()) {
            return ref;
        }
        ref = e->next;
    }
    return kNullRef;
}

// Calls visit(ref) for every entry of a partition, which may take it out of the index. Partition
// lock.
template <class Visit>
void for_each_entry(const Block& block, std::uint32_t partition, Visit visit) {
    const Ref* buckets = block.buckets_of(partition);
    for (std::uint32_t i = 0; i < block.buckets_per_partition; ++i) {
        for (Ref ref = buckets[i]; ref != kNullRef;) {
            const Ref next = block.entry(ref)->next;
            visit(ref);
            ref = next;
        }
    }
}

// Puts an entry into the index. Partition lock, exclusive.
void link_entry(const Block& block, Ref ref);
// Takes an entry out of the index. False if somebody else has done so already. Partition lock,
// exclusive.
bool unlink_entry(const Block& block, Ref ref);
// Hands an unlinked entry to the next holder of its budget's lock. Needs no lock.
void bury_entry(const Block& block, Ref ref);

}  // namespace cache_ext::core
