#include "core/nodes.hpp"

#include "core/pages.hpp"
#include "core/slots.hpp"

namespace cache_ext::core {

void link_node(const Block& block, Piece memory, Tag tag, bool is_key) {
    TagNode* node = block.node(memory.ref);
    *node = {};
    node->tag = tag;
    node->is_key = is_key;
    node->place = memory.place;
    node->ring.init();
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
        const Tag tag = node->tag;  // constant while pinned
        {
            const PartitionWriter guard(block, partition_of(tag));
            if (--node->refs > 0) continue;
            Ref* link = block.node_bucket(tag);
            while (*link != ref) link = &block.node(*link)->next;
            *link = node->next;
            if (!node->is_key) absorb_into_slot(block, node->ring, tag);
        }
        give_node(block, {ref, node->place});
    }
}

}  // namespace cache_ext::core
