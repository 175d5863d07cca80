#include "core/pins.hpp"

#include "core/memory.hpp"
#include "core/nodes.hpp"
#include "core/pages.hpp"
#include "core/tags.hpp"

namespace cache_ext::core {
namespace {

PublishResult blind(const WriterRing& ring, const Snapshot& f) {
    return ring.usable(f) ? PublishResult::kUnseenWriters : PublishResult::kUnusable;
}

// Memory for one node of the fill; evicts.
Piece make_node_memory(const Block& block, const Fill& fill) {
    const CacheIndex budget = load_relaxed(block.control(fill.cache)->budget);
    Ref page = kNullRef;
    for (;;) {
        const Piece piece = take_node(block, page);
        if (piece.ref != kNullRef) return piece;
        page = allocate(block, block.header->nodes.page_bytes(), kPageLabel, budget);
        if (page == kNullRef) return {};
    }
}

PublishResult pin_cache(const Block& block, const Fill& fill, std::uint32_t i, const Snapshot& f,
                        Pins* pins, Unseen* unseen) {
    const CacheIndex cache = fill.tag_cache[i];
    const Tag tag = fill.tags[i];
    const CacheControl& c = *block.control(cache);
    const PartitionReader guard(block, partition_of(tag));
    if (load_relaxed(c.whole_tag) != tag) return PublishResult::kNoCache;
    pins->generation[pins->count] = load_relaxed(c.generation);
    pins->ref[pins->count++] =
        TagRef{kNullRef, static_cast<std::uint16_t>(cache), 0, c.whole.last_seq};
    if (unseen == nullptr) {
        return sees_hard(c, f) ? PublishResult::kPublished : PublishResult::kUnusable;
    }
    if (!c.whole.unseen_by(tag, f, unseen, fill.self)) return blind(c.whole, f);
    return PublishResult::kPublished;
}

// WriterRing::unseen_by, of some instants only if `own` says which.
bool sees(const Block& block, const TagNode& node, const Snapshot& f, const Span* own,
          Unseen* unseen, Xid self) {
    if (own == nullptr) return node.ring.unseen_by(node.tag, f, unseen, self);
    return block.spans_of(node)->concerning(node.ring, *own).unseen_by(node.tag, f, unseen, self);
}

std::uint16_t owner_of(const Fill& fill, std::uint32_t i) {
    const CacheIndex owner = fill.tag_owner != nullptr ? fill.tag_owner[i] : kNoCache;
    return owner == kNoCache ? TagRef::kUnknown : static_cast<std::uint16_t>(owner);
}

PublishResult pin_node(const Block& block, const Fill& fill, std::uint32_t i, const Snapshot& f,
                       Pins* pins, Unseen* unseen) {
    const Tag tag = fill.tags[i];
    const Span* own =
        fill.tag_ranged != nullptr && fill.tag_ranged[i] ? fill.tag_span + i : nullptr;
    Piece spare = {}, spare_spans = {};
    PublishResult result = PublishResult::kNoMemory;
    for (;;) {
        {
            const PartitionWriter guard(block, partition_of(tag));
            Ref ref = find_node(block, tag);
            if (ref == kNullRef && spare.ref != kNullRef) {
                ref = spare.ref;
                link_node(block, spare, spare_spans, tag,
                          fill.tag_is_key != nullptr && fill.tag_is_key[i]);
                spare = spare_spans = {};
            }
            if (ref != kNullRef) {
                TagNode* node = block.node(ref);
                ++node->refs;
                // A node without spans is that of an ordinary tag with the same hash.
                const bool ranged = own != nullptr && node->spans != kNullRef;
                if (ranged) pins->span[pins->span_count++] = *own;
                pins->ref[pins->count++] = TagRef{
                    ref, owner_of(fill, i),
                    static_cast<std::uint16_t>(ranged ? pins->span_count : 0), node->ring.last_seq};
                result = unseen == nullptr ||
                                 sees(block, *node, f, ranged ? own : nullptr, unseen, fill.self)
                             ? PublishResult::kPublished
                             : blind(node->ring, f);
                break;
            }
        }
        // Without the lock; then look again.
        spare = make_node_memory(block, fill);
        if (own != nullptr && spare.ref != kNullRef) spare_spans = make_node_memory(block, fill);
        if (spare.ref == kNullRef || (own != nullptr && spare_spans.ref == kNullRef)) break;
    }
    for (const Piece piece : {spare, spare_spans}) {
        if (piece.ref != kNullRef) give_node(block, piece);
    }
    return result;
}

}  // namespace

PublishResult pin(const Block& block, const Fill& fill, const Snapshot& f, Pins* pins,
                  Unseen* unseen) {
    if (unseen != nullptr && fill.amounts == 0) {
        const PartitionReader guard(block, partition_of(fill.key.hash));
        const WriterRing& ring = *block.slot(fill.key.hash);
        if (!ring.unseen_by(fill.key.hash, f, unseen, fill.self)) return blind(ring, f);
    }
    PublishResult result = PublishResult::kPublished;
    for (std::uint32_t i = 0; result == PublishResult::kPublished && i < fill.tag_count; ++i) {
        const bool whole = fill.tag_cache != nullptr && fill.tag_cache[i] != kNoCache;
        result = whole ? pin_cache(block, fill, i, f, pins, unseen)
                       : pin_node(block, fill, i, f, pins, unseen);
    }
    return result;
}

bool still(const Block& block, const Pins& pins) {
    for (std::uint32_t i = 0; i < pins.count; ++i) {
        const TagRef& t = pins.ref[i];
        if (t.node == kNullRef && !still(block, t.cache, pins.generation[i])) return false;
    }
    return true;
}

}  // namespace cache_ext::core
