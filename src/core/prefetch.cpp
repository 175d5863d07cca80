#include "core/prefetch.hpp"

#include <algorithm>

namespace cache_ext::core {

// The bucket may change meanwhile, and the memory be somebody else's: nothing of it is believed.
void prefetch_entry(const Block& block, Tag hash, std::uint32_t value_bytes) {
    constexpr std::uint32_t kLine = 64, kMost = 20 * kLine;  // then the processor is faster itself
    constexpr std::uint32_t kShortKey = 8;
    const Ref ref = load_racing(*block.bucket(hash));
    if (!block.arena.holds(ref, sizeof(Entry))) return;
    const char* entry = block.arena.at<char>(ref);
    const char* end = entry + sizeof(Entry) + kShortKey + std::min(value_bytes, kMost);
    entry -= reinterpret_cast<std::uintptr_t>(entry) % kLine;
#pragma GCC unroll 4
    for (; entry < end; entry += kLine) __builtin_prefetch(entry);
}

}  // namespace cache_ext::core
