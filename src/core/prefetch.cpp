// Asking the processor for what a lookup will read, before its turn. Only time depends on it.
#include <algorithm>

#include "core/store.hpp"

namespace cache_ext::core {

// The bucket may change meanwhile, and the memory be somebody else's: nothing of it is believed.
void Store::prefetch(Tag hash, std::uint32_t value_bytes) const {
    constexpr std::uint32_t kLine = 64, kMost = 20 * kLine;  // then the processor is faster itself
    constexpr std::uint32_t kShortKey = 8;
    const Ref ref = load_racing(*bucket(hash));
    if (!arena_.holds(ref, sizeof(Entry))) return;
    const char* entry = arena_.at<char>(ref);
    const char* end = entry + sizeof(Entry) + kShortKey + std::min(value_bytes, kMost);
    entry -= reinterpret_cast<std::uintptr_t>(entry) % kLine;
#pragma GCC unroll 4
    for (; entry < end; entry += kLine) __builtin_prefetch(entry);
}

}  // namespace cache_ext::core
