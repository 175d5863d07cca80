// The memory of tag nodes: pages, which cannot be evicted, out of the way of what can.
#include "core/store.hpp"

namespace cache_ext::core {

// Memory for one node. A page lies beside the others, where there is room: they stay where they
// are, and what is large needs wide spaces between them. So the first ones go to the end of the
// arena. No lock; evicts.
Piece Store::take_node() {
    SlabPool& pool = header_->nodes;
    const std::size_t bytes = pool.page_bytes();
    Ref page = kNullRef;
    for (;;) {
        {
            LockGuard guard(locks_, kArenaLock, LockGuard::kExclusive);
            Piece piece = pool.take(arena_);
            if (piece.ref == kNullRef) {
                if (page == kNullRef) {
                    page = arena_.allocate_before(header_->lowest_page, bytes);
                    if (page != kNullRef) header_->lowest_page = page;
                }
                if (page != kNullRef) {
                    *arena_.at<Label>(page) = kPageLabel;
                    pool.add_page(arena_, page);
                    page = kNullRef;
                    piece = pool.take(arena_);
                }
            }
            if (piece.ref != kNullRef) {
                if (page != kNullRef) free_page(page);  // somebody else has given one back
                return piece;
            }
        }
        page = allocate(bytes, kPageLabel);
        if (page == kNullRef) return {};
    }
}

void Store::give_node(Piece node) {
    LockGuard guard(locks_, kArenaLock, LockGuard::kExclusive);
    const Ref page = header_->nodes.give(arena_, node);
    if (page != kNullRef) free_page(page);
}

// The next page above becomes the lowest, if it is near: the lock is held.
void Store::free_page(Ref page) {
    if (page == header_->lowest_page) {
        constexpr int kMaxSteps = 32;
        Ref next = arena_.next_allocation(page);
        for (int i = 1; next != kNullRef && *arena_.at<Label>(next) != kPageLabel; ++i) {
            next = i < kMaxSteps ? arena_.next_allocation(next) : kNullRef;
        }
        header_->lowest_page = next;
    }
    arena_.free(page);
}

bool Store::drop_spare_page() {
    LockGuard guard(locks_, kArenaLock, LockGuard::kExclusive);
    const Ref page = header_->nodes.take_spare();
    if (page == kNullRef) return false;
    free_page(page);
    return true;
}

// All nodes and their pages. For tests.
bool Store::check_nodes(std::uint64_t* refs) const {
    std::uint64_t nodes = 0;
    *refs = 0;
    const std::uint64_t buckets = std::uint64_t{kPartitions} * header_->node_buckets_per_partition;
    for (std::uint64_t b = 0; b < buckets; ++b) {
        for (Ref ref = node_buckets_[b]; ref != kNullRef; ref = arena_.at<TagNode>(ref)->next) {
            const TagNode& node = *arena_.at<TagNode>(ref);
            if (node.refs == 0 || node_bucket(node.tag) != node_buckets_ + b) return false;
            *refs += node.refs;
            ++nodes;
        }
    }
    const Ref lowest = header_->lowest_page;
    Ref ref = arena_.first_allocation();
    while (lowest != kNullRef && ref != kNullRef && ref != lowest)
        ref = arena_.next_allocation(ref);
    const bool known =
        lowest == kNullRef || (ref == lowest && *arena_.at<Label>(lowest) == kPageLabel);
    return known && nodes == header_->nodes.piece_count && header_->nodes.check(arena_);
}

}  // namespace cache_ext::core
