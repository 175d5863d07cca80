// Writing values: an entry is made of a fill, and linked if the rules allow it.
#pragma once

#include "core/block.hpp"
#include "core/fill.hpp"

namespace cache_ext::core {

// Publishes what was computed under f. Evicts for it. No lock.
PublishResult publish(const Block& block, const Fill& fill, const Snapshot& f);

}  // namespace cache_ext::core
