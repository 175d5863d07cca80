#include "core/ghosts.hpp"

#include <algorithm>

#include "core/atomic.hpp"

namespace cache_ext::core {
namespace {

std::uint32_t fingerprint(Tag hash) {
    const auto f = static_cast<std::uint32_t>(hash >> 32);
    return f != 0 ? f : 1;
}

}  // namespace

// The four slots that a fingerprint may be in, the newest first.
std::uint32_t* GhostTable::set_of(const Arena& arena, Tag hash) const {
    return begin(arena) + (hash & (slot_count - 1) & ~std::uint64_t{kGhostSet - 1});
}

void GhostTable::remember(const Arena& arena, Tag hash) {
    if (slot_count == 0) return;
    std::uint32_t* set = set_of(arena, hash);
    std::copy_backward(set, set + kGhostSet - 1, set + kGhostSet);
    set[0] = fingerprint(hash);
}

bool GhostTable::forget(const Arena& arena, Tag hash) {
    if (slot_count == 0) return false;
    std::uint32_t* set = set_of(arena, hash);
    std::uint32_t* found = std::find(set, set + kGhostSet, fingerprint(hash));
    if (found == set + kGhostSet) return false;
    std::copy(found + 1, set + kGhostSet, found);
    set[kGhostSet - 1] = 0;
    return true;
}

GhostTable GhostTable::replace(const Arena& arena, GhostTable table) {
    std::fill_n(table.begin(arena), table.slot_count, 0U);
    const GhostTable old = *this;
    slots = table.slots;
    store_relaxed(slot_count, table.slot_count);
    return old;
}

GhostTable GhostTable::take() {
    const GhostTable old = *this;
    slots = kNullRef;
    store_relaxed(slot_count, 0U);
    return old;
}

}  // namespace cache_ext::core
