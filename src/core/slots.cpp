#include "core/slots.hpp"

#include <algorithm>

#include "core/index.hpp"

namespace cache_ext::core {
namespace {

// After any change of the ring: what is asked of it without the lock.
void publish_head(const Block& block, Tag tag) {
    const WriterRing& ring = *block.slot(tag);
    SlotHead& head = *block.slot_head(tag);
    store_release(head.guard, ring.guard);
    store_release(head.last_seq, ring.last_seq);
}

// A value of a cache that serves old ones is kept, and so is one that is to be loaded again. It
// says itself from now on that it is old. False: it has to go.
bool keep_as_old(const Block& block, Entry* e, const WriterRecord& record) {
    const CacheControl& c = block.caches[e->cache];
    const bool serves = e->has_origin() && load_relaxed(c.stale_for) > 0;
    if (!serves && !(load_relaxed(c.reloads) && load_relaxed(e->hits) > 0)) return false;
    e->flags |= Entry::kOldFlag;
    if (e->has_origin()) e->origin()->old_since = std::min(e->origin()->old_since, record.at);
    return true;
}

// Tags that are not somebody's full key have no entries here: they have a node.
void drop_contradicted(const Block& block, const WriterRecord* dropped, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        Ref ref = *block.bucket(dropped[i].tag);
        while (ref != kNullRef) {
            Entry* e = block.entry(ref);
            const Ref next = e->next;
            if (e->hash == dropped[i].tag && !e->has_account() &&
                contradicted_by(dropped[i], e->key_seq, e->unseen_set()) &&
                !keep_as_old(block, e, dropped[i]) && unlink_entry(block, ref)) {
                bury_entry(block, ref);
            }
            ref = next;
        }
    }
}

}  // namespace

void write_slot(const Block& block, const WriterRecord& record, const Ended& ended) {
    WriterRecord dropped[kRingCapacity];
    const std::uint32_t n = block.slot(record.tag)->add(record, ended, dropped);
    publish_head(block, record.tag);
    drop_contradicted(block, dropped, n);
}

void absorb_into_slot(const Block& block, const WriterRing& from, Tag tag) {
    WriterRecord dropped[2 * kRingCapacity];
    const std::uint32_t n = block.slot(tag)->absorb(from, tag, dropped);
    publish_head(block, tag);
    drop_contradicted(block, dropped, n);
}

// The slot of a hash is given by the low bits of its bucket.
bool has_bystander(const Block& block, Tag tag) {
    const std::uint64_t buckets = block.buckets_per_partition;
    const Ref* mine = block.buckets_of(partition_of(tag));
    for (std::uint64_t b =
             tag / kPartitions % std::min<std::uint64_t>(block.slots_per_partition, buckets);
         b < buckets; b += block.slots_per_partition) {
        for (Ref ref = mine[b]; ref != kNullRef; ref = block.entry(ref)->next) {
            const Tag other = block.entry(ref)->hash;
            if (other != tag && block.slot(other) == block.slot(tag)) return true;
        }
    }
    return false;
}

}  // namespace cache_ext::core
