#include "core/hazards.hpp"

namespace cache_ext::core {
namespace {

// Arena lock: the fences of those who have retired them came before.
bool reap_locked(const Block& block) {
    StoreHeader& h = *block.header;
    h.freed_since_reap = 0;
    if (h.retired == kNullRef) return false;
    const HeldSet held(block);
    bool freed = false;
    Ref* link = &h.retired;
    while (*link != kNullRef) {
        const Ref ref = *link;
        Entry* e = block.entry(ref);
        if (held.may_contain(ref)) {
            link = &e->next;
            continue;
        }
        *link = e->next;
        add_relaxed(h.retired_bytes, std::uint64_t{0} - block.arena.gross_bytes(ref));
        block.arena.free(ref);
        freed = true;
    }
    return freed;
}

}  // namespace

HeldSet::HeldSet(const Block& block) {
    const std::uint32_t readers = load_acquire(block.header->readers_seen);
    for (std::uint32_t r = 0; r < readers; ++r) {
        for (const Ref& hazard : block.hazards[r].ref) {
            const Ref ref = load_acquire(hazard);
            if (ref != kNullRef) words_[word(ref)] |= bit(ref);
        }
    }
}

Ref* hazards_of(const Block& block, std::uint32_t reader) {
    StoreHeader& h = *block.header;
    if (reader >= h.readers) return nullptr;
    std::uint32_t seen = load_relaxed(h.readers_seen);
    while (seen <= reader && !claim(h.readers_seen, seen, reader + 1)) {
        seen = load_relaxed(h.readers_seen);
    }
    return block.hazards[reader].ref;
}

void retire_entries(const Block& block, Ref chain) {
    constexpr int kAtOnce = 64;  // under one lock
    StoreHeader& h = *block.header;
    full_fence();
    const HeldSet held(block);
    while (chain != kNullRef) {
        const ArenaHolder guard(block);
        for (int i = 0; i < kAtOnce && chain != kNullRef; ++i) {
            const Ref ref = chain;
            Entry* e = block.entry(ref);
            chain = e->next;
            if (held.may_contain(ref)) {
                e->next = h.retired;
                h.retired = ref;
                add_relaxed(h.retired_bytes, block.arena.gross_bytes(ref));
            } else {
                h.freed_since_reap += block.arena.gross_bytes(ref);
                block.arena.free(ref);
            }
        }
        // So the walk costs what is freed a few steps per byte at most, however much waits.
        if (h.freed_since_reap >= h.retired_bytes / 4) reap_locked(block);
    }
}

bool reap(const Block& block) {
    if (load_relaxed(block.header->retired_bytes) == 0) return false;
    const ArenaHolder guard(block);
    return reap_locked(block);
}

void release_memory(const Block& block, Ref ref) {
    const ArenaHolder guard(block);
    block.arena.free(ref);
    block.check_arena();
}

}  // namespace cache_ext::core
