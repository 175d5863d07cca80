// Tags of the store: who has written them, and which entries carry them.
//
// The tag of a full key has its writers in a ring shared with other keys (a slot). A tag that
// groups several keys gets a node with a ring of its own while entries carry it, and uses the slot
// otherwise. The whole-cache tag has its ring in the control block.
#include <algorithm>

#include "core/store.hpp"

namespace cache_ext::core {

Ref Store::find_node(Tag tag) const {
    Ref ref = *node_bucket(tag);
    while (ref != kNullRef && arena_.at<TagNode>(ref)->tag != tag) {
        ref = arena_.at<TagNode>(ref)->next;
    }
    return ref;
}

bool Store::register_writer(const WrittenTag& written, Xid xid, const Ended& ended) {
    WriterRecord dropped[kRingCapacity];
    const Tag tag = written.tag;
    const Millis at = clock_.now();
    PartitionWriter guard(locks_, partitions_, partition_of(tag));
    const Seq seq = ++partition(tag)->seq;
    if (written.kind == TagKind::kWhole) {
        CacheControl& c = *control(written.cache);
        // What is on record already is no news: whoever is blind to it has it among its unseen
        // writers. Many register the same prepared transaction again and again.
        if (written.borrowed && !written.hard && c.whole.has(tag, xid)) return false;
        // Of a ring that serves one tag, what was dropped needs no further care.
        if (load_relaxed(c.whole_tag) == tag)
            c.whole.add(tag, xid, seq, written.hard, ended, dropped, written.borrowed, at);
        return false;
    }
    const Ref node = find_node(tag);
    if (node != kNullRef) {
        arena_.at<TagNode>(node)->ring.add(tag, xid, seq, false, ended, dropped, written.borrowed,
                                           at);
    }
    if (node != kNullRef && written.kind != TagKind::kKey) return false;
    WriterRing& ring = *slot(tag);
    const std::uint32_t n = ring.add(tag, xid, seq, false, ended, dropped, written.borrowed, at);
    slot_changed(tag);
    drop_contradicted(dropped, n);
    // A witness has ended, so what is read from now on sees it; only overflow is felt by everybody.
    return ring.overflowed && has_bystander(tag);
}

void Store::slot_changed(Tag tag) {
    const WriterRing& ring = *slot(tag);
    SlotHead& head = *slot_head(tag);
    store_release(head.guard, ring.guard);
    store_release(head.last_seq, ring.last_seq);
}

// Is there an entry of another key whose writers are in the same slot? The slot of a hash is given
// by the low bits of its bucket.
bool Store::has_bystander(Tag tag) const {
    const std::uint64_t buckets = header_->buckets_per_partition;
    for (std::uint64_t b =
             tag / kPartitions % std::min<std::uint64_t>(header_->slots_per_partition, buckets);
         b < buckets; b += header_->slots_per_partition) {
        Ref ref = buckets_[partition_of(tag) * buckets + b];
        for (; ref != kNullRef; ref = arena_.at<Entry>(ref)->next) {
            const Tag other = arena_.at<Entry>(ref)->hash;
            if (other != tag && slot(other) == slot(tag)) return true;
        }
    }
    return false;
}

// In a shared ring nothing else speaks against an entry once the record that did is dropped, so the
// entry goes with it. Tags that are not somebody's full key have no entries here: they have a node.
void Store::drop_contradicted(const WriterRecord* dropped, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        Ref ref = *bucket(dropped[i].tag);
        while (ref != kNullRef) {
            const Entry* e = arena_.at<Entry>(ref);
            const Ref next = e->next;
            if (e->hash == dropped[i].tag &&
                contradicted_by(dropped[i], e->key_seq, e->unseen_set()) && unlink(ref)) {
                bury(ref);
            }
            ref = next;
        }
    }
}

std::uint32_t Store::possibly_running(const WrittenTag& written, Xid* out) const {
    const Tag tag = written.tag;
    LockGuard guard(locks_, partition_lock(tag), LockGuard::kShared);
    if (written.kind == TagKind::kWhole) {
        const CacheControl& c = *control(written.cache);
        return load_relaxed(c.whole_tag) == tag ? c.whole.possibly_running(out) : 0;
    }
    std::uint32_t n = slot(tag)->possibly_running(out);
    const Ref node = find_node(tag);
    if (node != kNullRef) n += arena_.at<TagNode>(node)->ring.possibly_running(out + n);
    return n;
}

bool Store::hard_writers(CacheIndex cache, Xid* out, std::uint32_t* count) const {
    const CacheControl& c = *control(cache);
    LockGuard guard(locks_, partition_lock(c.whole_tag), LockGuard::kShared);
    *count = c.whole.hard_count;
    std::copy_n(c.whole.hard, c.whole.hard_count, out);
    return !c.whole.hard_lost;
}

Xid Store::lost_hard_below(CacheIndex cache) const {
    const CacheControl& c = *control(cache);
    LockGuard guard(locks_, partition_lock(c.whole_tag), LockGuard::kShared);
    if (!c.whole.hard_lost) return 0;
    return c.whole.horizon != 0 ? c.whole.horizon : c.whole.largest + 1;
}

bool Store::agree(const WrittenTag& written, Xid self, const Snapshot& f, const Snapshot& s) const {
    const Tag tag = written.tag;
    LockGuard guard(locks_, partition_lock(tag), LockGuard::kShared);
    const Ref node = written.kind == TagKind::kPart ? find_node(tag) : kNullRef;
    const WriterRing& ring = written.kind == TagKind::kWhole ? control(written.cache)->whole
                             : node != kNullRef              ? arena_.at<TagNode>(node)->ring
                                                             : *slot(tag);
    if (!ring.usable(f) || !ring.usable(s)) return false;
    for (std::uint32_t i = 0; i < ring.record_count; ++i) {
        const WriterRecord& r = ring.records[i];
        if (r.tag != tag || r.xid == self) continue;
        if (f.in_progress(r.xid) != s.in_progress(r.xid)) return false;
    }
    return true;
}

bool Store::all_seen(Tag tag, Xid self, const Snapshot& f, Xid* unseen,
                     std::uint32_t* count) const {
    *count = 0;
    LockGuard guard(locks_, partition_lock(tag), LockGuard::kShared);
    const WriterRing& ring = *slot(tag);
    if (!ring.usable(f)) return false;
    for (std::uint32_t i = 0; i < ring.record_count; ++i) {
        const WriterRecord& r = ring.records[i];
        if (r.tag == tag && r.xid != self && f.in_progress(r.xid)) unseen[(*count)++] = r.xid;
    }
    return true;
}

// Gives a tag a ring of its own, which starts with what the shared one knows of it.
Ref Store::make_node(Piece memory, Tag tag, bool is_key) {
    auto* node = arena_.at<TagNode>(memory.ref);
    *node = {};
    node->tag = tag;
    node->is_key = is_key;
    node->place = memory.place;
    node->ring.init();
    WriterRecord dropped[2 * kRingCapacity];
    node->ring.absorb(*slot(tag), tag, dropped);
    node->next = *node_bucket(tag);
    *node_bucket(tag) = memory.ref;
    return memory.ref;
}

// Collects, for every tag of the fill, what F is blind to, and pins the nodes of the grouping tags.
// The full key is only looked at: publish() does that again, under the lock that it links the entry
// under.
PublishResult Store::pin(const Fill& fill, const Snapshot& f, Pins* pins, Unseen* unseen) {
    pins->count = 0;
    const auto failed = [&](const WriterRing& ring) {
        return ring.usable(f) ? PublishResult::kUnseenWriters : PublishResult::kUnusable;
    };
    {
        LockGuard guard(locks_, partition_lock(fill.key.hash), LockGuard::kShared);
        const WriterRing& ring = *slot(fill.key.hash);
        if (!ring.unseen_by(fill.key.hash, f, unseen, fill.self)) return failed(ring);
    }
    for (std::uint32_t i = 0; i < fill.tag_count; ++i) {
        const Tag tag = fill.tags[i];
        if (fill.tag_cache != nullptr && fill.tag_cache[i] != kNoCache) {
            const CacheControl& c = *control(fill.tag_cache[i]);
            LockGuard guard(locks_, partition_lock(tag), LockGuard::kShared);
            if (load_relaxed(c.whole_tag) != tag) return PublishResult::kNoCache;
            pins->generation[pins->count] = load_relaxed(c.generation);
            pins->ref[pins->count++] = TagRef{kNullRef, fill.tag_cache[i], c.whole.last_seq};
            if (!c.whole.unseen_by(tag, f, unseen, fill.self)) return failed(c.whole);
            continue;
        }
        Piece spare = {};
        PublishResult result = PublishResult::kNoMemory;
        for (;;) {
            {
                PartitionWriter guard(locks_, partitions_, partition_of(tag));
                Ref ref = find_node(tag);
                if (ref == kNullRef && spare.ref != kNullRef) {
                    ref = make_node(spare, tag, fill.tag_is_key != nullptr && fill.tag_is_key[i]);
                    spare = {};
                }
                if (ref != kNullRef) {
                    auto* node = arena_.at<TagNode>(ref);
                    ++node->refs;
                    pins->ref[pins->count++] = TagRef{ref, 0, node->ring.last_seq};
                    result = node->ring.unseen_by(tag, f, unseen, fill.self)
                                 ? PublishResult::kPublished
                                 : failed(node->ring);
                    break;
                }
            }
            spare = take_node();  // without the lock; then look again
            if (spare.ref == kNullRef) return result;
        }
        if (spare.ref != kNullRef) give_node(spare);
        if (result != PublishResult::kPublished) return result;
    }
    return PublishResult::kPublished;
}

void Store::unpin(const TagRef* refs, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const Ref ref = refs[i].node;
        if (ref == kNullRef) continue;
        auto* node = arena_.at<TagNode>(ref);
        const Tag tag = node->tag;  // constant while pinned
        {
            PartitionWriter guard(locks_, partitions_, partition_of(tag));
            if (--node->refs > 0) continue;
            Ref* link = node_bucket(tag);
            while (*link != ref) link = &arena_.at<TagNode>(*link)->next;
            *link = node->next;
            if (!node->is_key) {
                WriterRecord dropped[2 * kRingCapacity];
                const std::uint32_t n = slot(tag)->absorb(node->ring, tag, dropped);
                slot_changed(tag);
                drop_contradicted(dropped, n);
            }
        }
        give_node({ref, node->place});
    }
}

}  // namespace cache_ext::core
