#include "core/nodes.hpp"

#include "core/pages.hpp"
#include "core/slots.hpp"

namespace cache_ext::core {

void link_node(const Block& block, Piece memory, Piece spans, Tag tag, bool is_key) {
    TagNode* node = block.node(memory.ref);
    *node = {};
    node->tag = tag;
    node->is_key = is_key;
    node->place = memory.place;
    node->spans = spans.ref;
    if (spans.ref != kNullRef) block.spans_of(*node)->init(spans.place);
    node->ring.init(spans.ref != kNullRef ? kRangedCapacity : kRingCapacity);
    WriterRecord dropped[2 * kRingCapacity];
    node->ring.absorb(*block.slot(tag), tag, dropped);
    Ref* head = block.node_bucket(tag);
    node->next = *head;
    *head = memory.ref;
}

void unpin(const Block& block, const TagRef* refs, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        const Ref ref = refs[i].node;
        if (ref == kNullRef) continue;
        TagNode* node = block.node(ref);
        const Tag tag = node->tag;  // constant while pinned, as are the next
        const Ref spans = node->spans;
        const std::uint16_t place = node->place;
        {
            const PartitionWriter guard(block, partition_of(tag));
            if (--node->refs > 0) continue;
            Ref* link = block.node_bucket(tag);
            while (*link != ref) link = &block.node(*link)->next;
            *link = node->next;
            if (!node->is_key) absorb_into_slot(block, node->ring, tag);
        }
        if (spans != kNullRef) give_node(block, {spans, block.arena.at<NodeSpans>(spans)->place});
        give_node(block, {ref, place});
    }
}

}  // namespace cache_ext::core
