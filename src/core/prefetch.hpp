// Asking the processor for what a lookup will read, before its turn. Only time depends on it.
#pragma once

#include <cstdint>

#include "core/block.hpp"

namespace cache_ext::core {

// Where a lookup of the key will begin. Worth it if something else is done in between.
inline void prefetch_bucket(const Block& block, Tag hash) {
    __builtin_prefetch(block.bucket(hash));
    __builtin_prefetch(block.slot_head(hash));
}
// Once the bucket has come: the lines of its first entry, with a value of about so many bytes.
// Takes no lock.
void prefetch_entry(const Block& block, Tag hash, std::uint32_t value_bytes);

}  // namespace cache_ext::core
