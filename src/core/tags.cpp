// Tags of the store: who has written them, and which entries carry them.
//
// The tag of a full key has its writers in a ring shared with other keys (a slot). A tag that
// groups several keys gets a node with a ring of its own while entries carry it, and uses the slot
// otherwise. The whole-cache tag has its ring in the control block.
#include <algorithm>

#include "core/store.hpp"

namespace cache_ext::core {
namespace {

// What a larger ring for a node may cost others: without, fewer snapshots are served.
constexpr int kRingRounds = 32;

// Rings with all their records help old snapshots: of hot tags only, in this part of the arena.
constexpr std::size_t kShareOfRings = 256;

}  // namespace

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
    if (written.kind == TagKind::kWhole) {
        PartitionWriter guard(locks_, partitions_, partition_of(tag));
        const Seq seq = ++partition(tag)->seq;
        CacheControl& c = caches_[written.cache];
        // What is on record already is no news: whoever is blind to it has it among its unseen
        // writers. Many register the same prepared transaction again and again.
        if (written.borrowed && !written.hard && c.whole.has(tag, xid)) return false;
        // Of a ring that serves one tag, what was dropped needs no further care.
        if (load_relaxed(c.whole_tag) == tag)
            c.whole.add(tag, xid, seq, written.hard, ended, dropped, written.borrowed, at);
        return false;
    }
    Piece spare = {};
    bool felt = false;
    for (bool must = false;; must = true) {
        {
            PartitionWriter guard(locks_, partitions_, partition_of(tag));
            const Seq seq = ++partition(tag)->seq;
            const Ref ref = find_node(tag);
            bool done = true;
            if (ref != kNullRef) {
                auto* node = arena_.at<TagNode>(ref);
                WriterRing ring;
                ring = ring_of(*node, &ring);
                ring.add(tag, xid, seq, false, ended, dropped, written.borrowed, at);
                done = keep_ring(node, ring, &spare, must, rings_are_scarce());
            }
            if (done && (ref == kNullRef || written.kind == TagKind::kKey)) {
                WriterRing& ring = *slot(tag);
                const std::uint32_t n =
                    ring.add(tag, xid, seq, false, ended, dropped, written.borrowed, at);
                drop_contradicted(dropped, n);
                // A witness has ended, so what is read from now on sees it; only overflow is felt
                // by everybody.
                felt = ring.overflowed && has_bystander(tag);
            }
            if (done) break;
        }
        spare = take_piece(&header_->rings, kRingRounds);  // without the lock; then look again
    }
    if (spare.ref != kNullRef) give_piece(&header_->rings, spare);
    return felt;
}

const WriterRing& Store::ring_of(const TagNode& node, WriterRing* scratch) const {
    if (node.full != kNullRef) return arena_.at<FullRing>(node.full)->ring;
    node.unpack(scratch);
    return *scratch;
}

bool Store::rings_are_scarce() const {
    const SlabPool& rings = header_->rings;
    return load_relaxed(rings.piece_count) * sizeof(FullRing) >
           arena_.max_allocation() / kShareOfRings;
}

// Makes `ring` the state of a node: in the node, in the full ring that it has, or in the spare one.
// To settle is to forget writers early, which keeps most nodes small. False, and nothing done: it
// needs a full ring. If it must do without, it settles, or else overflows.
bool Store::keep_ring(TagNode* node, const WriterRing& ring, Piece* spare, bool must, bool settle) {
    const bool nowhere = must && node->full == kNullRef && spare->ref == kNullRef;
    if (node->pack(ring) || ((settle || nowhere) && node->pack_settled(ring))) {
        if (node->full == kNullRef) return true;
        const Piece old = {node->full, arena_.at<FullRing>(node->full)->place};
        node->full = kNullRef;
        give_piece(&header_->rings, old);
        return true;
    }
    if (node->full == kNullRef && spare->ref != kNullRef) {
        node->full = spare->ref;
        arena_.at<FullRing>(node->full)->place = spare->place;
        *spare = {};
    }
    if (node->full != kNullRef) {
        arena_.at<FullRing>(node->full)->ring = ring;
        node->publish(ring);
    } else if (must) {
        node->pack_overflowed(ring);
    } else {
        return false;
    }
    return true;
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
        const CacheControl& c = caches_[written.cache];
        return load_relaxed(c.whole_tag) == tag ? c.whole.possibly_running(out) : 0;
    }
    std::uint32_t n = slot(tag)->possibly_running(out);
    const Ref node = find_node(tag);
    WriterRing scratch;
    if (node != kNullRef) {
        n += ring_of(*arena_.at<TagNode>(node), &scratch).possibly_running(out + n);
    }
    return n;
}

bool Store::hard_writers(CacheIndex cache, Xid* out, std::uint32_t* count) const {
    const CacheControl& c = caches_[cache];
    LockGuard guard(locks_, partition_lock(c.whole_tag), LockGuard::kShared);
    *count = c.whole.hard_count;
    std::copy_n(c.whole.hard, c.whole.hard_count, out);
    return !c.whole.hard_lost;
}

bool Store::agree(const WrittenTag& written, Xid self, const Snapshot& f, const Snapshot& s) const {
    const Tag tag = written.tag;
    LockGuard guard(locks_, partition_lock(tag), LockGuard::kShared);
    const Ref node = written.kind == TagKind::kPart ? find_node(tag) : kNullRef;
    WriterRing scratch;
    const WriterRing& ring = written.kind == TagKind::kWhole ? caches_[written.cache].whole
                             : node != kNullRef ? ring_of(*arena_.at<TagNode>(node), &scratch)
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
Ref Store::make_node(Tag tag, bool is_key, const Snapshot& f, Piece* memory, Piece* ring_memory,
                     bool must) {
    const Ref ref = memory->ref;
    auto* node = arena_.at<TagNode>(ref);
    *node = {};
    node->tag = tag;
    node->is_key = is_key;
    node->place = memory->place;
    WriterRing ring;
    ring.init();
    WriterRecord dropped[2 * kRingCapacity];
    ring.absorb(*slot(tag), tag, dropped);
    ring.note_ended(f, partition(tag)->seq + 1);
    if (!keep_ring(node, ring, ring_memory, must, true)) return kNullRef;
    node->next = *node_bucket(tag);
    *node_bucket(tag) = ref;
    *memory = {};
    return ref;
}

// A page for the nodes lies beside the others, where there is room: they stay where they are, and
// what is large needs wide spaces between them. So the first ones go to the end of the arena.
Piece Store::take_piece(SlabPool* pool, int max_rounds) {
    const std::size_t bytes = pool->page_bytes();
    Ref page = kNullRef;
    for (;;) {
        {
            LockGuard guard(locks_, kArenaLock, LockGuard::kExclusive);
            Piece piece = pool->take(arena_);
            if (piece.ref == kNullRef) {
                if (page == kNullRef) {
                    page = arena_.allocate_before(header_->lowest_page, bytes);
                    if (page != kNullRef) header_->lowest_page = page;
                }
                if (page != kNullRef) {
                    *arena_.at<Label>(page) = kPageLabel;
                    pool->add_page(arena_, page);
                    page = kNullRef;
                    piece = pool->take(arena_);
                }
            }
            if (piece.ref != kNullRef) {
                if (page != kNullRef) arena_.free(page);  // somebody else has given one back
                return piece;
            }
        }
        page = allocate(bytes, kPageLabel, max_rounds);
        if (page == kNullRef) return {};
    }
}

void Store::give_piece(SlabPool* pool, Piece piece) {
    LockGuard guard(locks_, kArenaLock, LockGuard::kExclusive);
    const Ref page = pool->give(arena_, piece);
    if (page != kNullRef) free_page(page);
}

void Store::free_page(Ref page) {
    if (page == header_->lowest_page) {
        constexpr int kMaxSteps = 32;
        Ref next = arena_.next_allocation(page);
        for (int i = 0; i < kMaxSteps && next != kNullRef; ++i) {
            if (*arena_.at<Label>(next) == kPageLabel) break;
            next = i + 1 < kMaxSteps ? arena_.next_allocation(next) : kNullRef;
        }
        header_->lowest_page = next;
    }
    arena_.free(page);
}

bool Store::drop_spare_pages() {
    LockGuard guard(locks_, kArenaLock, LockGuard::kExclusive);
    bool dropped = false;
    for (SlabPool* pool : {&header_->nodes, &header_->rings}) {
        const Ref page = pool->take_spare();
        if (page == kNullRef) continue;
        free_page(page);
        dropped = true;
    }
    return dropped;
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
            const CacheControl& c = caches_[fill.tag_cache[i]];
            LockGuard guard(locks_, partition_lock(tag), LockGuard::kShared);
            if (load_relaxed(c.whole_tag) != tag) return PublishResult::kNoCache;
            pins->generation[pins->count] = load_relaxed(c.generation);
            pins->ref[pins->count++] = TagRef{kNullRef, fill.tag_cache[i], c.whole.last_seq};
            if (!c.whole.unseen_by(tag, f, unseen, fill.self)) return failed(c.whole);
            continue;
        }
        Piece spare = {}, spare_ring = {};
        PublishResult result = PublishResult::kNoMemory;
        for (bool must = false;;) {
            {
                PartitionWriter guard(locks_, partitions_, partition_of(tag));
                Ref ref = find_node(tag);
                if (ref == kNullRef && spare.ref != kNullRef) {
                    ref = make_node(tag, fill.tag_is_key != nullptr && fill.tag_is_key[i], f,
                                    &spare, &spare_ring, must);
                }
                if (ref != kNullRef) {
                    auto* node = arena_.at<TagNode>(ref);
                    WriterRing ring;
                    ring = ring_of(*node, &ring);
                    if (node->full != kNullRef && rings_are_scarce()) {
                        ring.note_ended(f, partition(tag)->seq + 1);
                        keep_ring(node, ring, &spare_ring, must, true);
                    }
                    ++node->refs;
                    pins->ref[pins->count++] = TagRef{ref, 0, node->head.last_seq};
                    result = ring.unseen_by(tag, f, unseen, fill.self) ? PublishResult::kPublished
                                                                       : failed(ring);
                    break;
                }
            }
            // Without the lock; then look again.
            if (spare.ref == kNullRef) {
                spare = take_piece(&header_->nodes);
                if (spare.ref == kNullRef) return result;
            } else {
                spare_ring = take_piece(&header_->rings, kRingRounds);
                must = true;
            }
        }
        if (spare.ref != kNullRef) give_piece(&header_->nodes, spare);
        if (spare_ring.ref != kNullRef) give_piece(&header_->rings, spare_ring);
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
        Piece ring = {};
        {
            PartitionWriter guard(locks_, partitions_, partition_of(tag));
            if (--node->refs > 0) continue;
            Ref* link = node_bucket(tag);
            while (*link != ref) link = &arena_.at<TagNode>(*link)->next;
            *link = node->next;
            if (!node->is_key) {
                WriterRecord dropped[2 * kRingCapacity];
                WriterRing left;
                left = ring_of(*node, &left);
                left.remove_known(*slot(tag));  // they had come from there
                const std::uint32_t n = slot(tag)->absorb(left, tag, dropped);
                drop_contradicted(dropped, n);
            }
            if (node->full != kNullRef) ring = {node->full, arena_.at<FullRing>(node->full)->place};
        }
        if (ring.ref != kNullRef) give_piece(&header_->rings, ring);
        give_piece(&header_->nodes, {ref, node->place});
    }
}

// --- for tests ---

// Nodes, their rings, and the pages of both.
bool Store::check_nodes(std::uint64_t* refs) const {
    std::uint64_t nodes = 0, rings = 0;
    *refs = 0;
    const std::uint64_t buckets = std::uint64_t{kPartitions} * header_->node_buckets_per_partition;
    for (std::uint64_t b = 0; b < buckets; ++b) {
        for (Ref ref = node_buckets_[b]; ref != kNullRef; ref = arena_.at<TagNode>(ref)->next) {
            const TagNode& node = *arena_.at<TagNode>(ref);
            if (node.refs == 0 || node_bucket(node.tag) != node_buckets_ + b) return false;
            *refs += node.refs;
            ++nodes;
            if (node.full == kNullRef) continue;
            ++rings;
            const WriterRing& ring = arena_.at<FullRing>(node.full)->ring;
            if (ring.last_seq != node.head.last_seq || ring.guard != node.head.guard) return false;
        }
    }
    return nodes == header_->nodes.piece_count && rings == header_->rings.piece_count &&
           header_->nodes.check(arena_) && header_->rings.check(arena_);
}

}  // namespace cache_ext::core
