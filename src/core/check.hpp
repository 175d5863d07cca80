// Do all invariants hold? For tests.
#pragma once

#include "core/block.hpp"

namespace cache_ext::core {

// Walks everything: index, what waits to be freed, queues and totals, slots, nodes, the arena.
// Nobody else may be at work.
bool check_block(const Block& block);

}  // namespace cache_ext::core
