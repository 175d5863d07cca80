#include "core/pages.hpp"

namespace cache_ext::core {
namespace {

// Arena lock. The next page above becomes the lowest, if it is near.
void free_page(const Block& block, Ref page) {
    const Arena& arena = block.arena;
    if (page == block.header->lowest_page) {
        constexpr int kMaxSteps = 32;
        Ref next = arena.next_allocation(page);
        for (int i = 1; next != kNullRef && *arena.at<Label>(next) != kPageLabel; ++i) {
            next = i < kMaxSteps ? arena.next_allocation(next) : kNullRef;
        }
        block.header->lowest_page = next;
    }
    arena.free(page);
}

}  // namespace

Piece take_node(const Block& block, Ref page) {
    const Arena& arena = block.arena;
    SlabPool& pool = block.header->nodes;
    const ArenaHolder guard(block);
    Piece piece = pool.take(arena);
    if (piece.ref == kNullRef) {
        if (page == kNullRef) {
            page = arena.allocate_before(block.header->lowest_page, pool.page_bytes());
            if (page == kNullRef) return piece;
            block.header->lowest_page = page;
        }
        *arena.at<Label>(page) = kPageLabel;
        pool.add_page(arena, page);
        return pool.take(arena);
    }
    if (page != kNullRef) free_page(block, page);  // somebody else has given one back
    return piece;
}

void give_node(const Block& block, Piece node) {
    const ArenaHolder guard(block);
    const Ref page = block.header->nodes.give(block.arena, node);
    if (page != kNullRef) free_page(block, page);
}

bool drop_spare_page(const Block& block) {
    const ArenaHolder guard(block);
    const Ref page = block.header->nodes.take_spare();
    if (page == kNullRef) return false;
    free_page(block, page);
    return true;
}

bool check_nodes(const Block& block, std::uint64_t* refs) {
    const Arena& arena = block.arena;
    const StoreHeader& h = *block.header;
    std::uint64_t nodes = 0;
    *refs = 0;
    const std::uint64_t buckets = std::uint64_t{kPartitions} * h.node_buckets_per_partition;
    for (std::uint64_t b = 0; b < buckets; ++b) {
        for (Ref ref = block.node_buckets[b]; ref != kNullRef; ref = block.node(ref)->next) {
            const TagNode& node = *block.node(ref);
            if (node.refs == 0 || block.node_bucket(node.tag) != block.node_buckets + b) {
                return false;
            }
            *refs += node.refs;
            nodes += node.spans != kNullRef ? 2 : 1;
        }
    }
    const Ref lowest = h.lowest_page;
    Ref ref = arena.first_allocation();
    while (lowest != kNullRef && ref != kNullRef && ref != lowest) ref = arena.next_allocation(ref);
    const bool known =
        lowest == kNullRef || (ref == lowest && *arena.at<Label>(lowest) == kPageLabel);
    return known && nodes == h.nodes.piece_count && h.nodes.check(arena);
}

}  // namespace cache_ext::core
