// Asking the processor for what a lookup will read, before its turn. Only time depends on it.
#include <algorithm>

#include "core/store.hpp"

namespace cache_ext::core {

// The bucket may change meanwhile, and the memory be somebody else's: nothing of it is believed.
void Store::prefetch(Tag hash, std::uint32_t value_bytes) const {
    constexpr std::uint32_t kLine = 64, kMost = 20 * kLine;  // then the processor is faster itself
    const Ref ref = load_racing(*bucket(hash));
    if (!arena_.holds(ref, sizeof(Entry))) return;
    const char* entry = arena_.at<char>(ref);
    const std::uint32_t bytes = std::min(value_bytes, kMost) + sizeof(Entry);
#pragma GCC unroll 4
    for (std::uint32_t i = 0; i < bytes; i += kLine) __builtin_prefetch(entry + i);
}

}  // namespace cache_ext::core
