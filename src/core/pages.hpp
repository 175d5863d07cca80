// The memory of tag nodes: pages, which cannot be evicted, out of the way of what can.
//
// A page lies beside the others, where there is room: they stay where they are, and what is large
// needs wide spaces between them. So the first ones go to the end of the arena.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/block.hpp"

namespace cache_ext::core {

// Memory for one node, uninitialised. page: an allocation of page_bytes() to take it from if it
// must be, or kNullRef; it is the pages' from here on. Piece::ref is kNullRef, and page was, when
// no page has room and none has place beside the others: come again with one. No lock.
Piece take_node(const Block& block, Ref page);
void give_node(const Block& block, Piece node);  // no lock
// Gives the empty page back that is kept otherwise; false if there is none. No lock.
bool drop_spare_page(const Block& block);
// Walks all nodes and their pages. For tests. *refs: how many references the nodes count.
bool check_nodes(const Block& block, std::uint64_t* refs);

}  // namespace cache_ext::core
