// Tags with a ring of their own: those that group several keys, while entries carry them.
//
// A node begins with what the tag's slot knows, and gives it back when the last entry that carries
// the tag goes. A slot knows nothing of spans: what comes from one may be of any instant.
#pragma once

#include "core/block.hpp"

namespace cache_ext::core {

// The node of a tag, kNullRef if no entry carries it. Partition lock.
inline Ref find_node(const Block& block, Tag tag) {
    Ref ref = *block.node_bucket(tag);
    while (ref != kNullRef && block.node(ref)->tag != tag) ref = block.node(ref)->next;
    return ref;
}

// Makes a node of memory from take_node(), a ranged one of two pieces (spans.ref is kNullRef for
// others); nobody has pinned it yet. Partition lock, exclusive.
void link_node(const Block& block, Piece memory, Piece spans, Tag tag, bool is_key);
// Lets go of the nodes of an entry's tags. No partition or arena lock.
void unpin(const Block& block, const TagRef* refs, std::uint32_t count);

}  // namespace cache_ext::core
