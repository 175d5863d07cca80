#include "core/index.hpp"

namespace cache_ext::core {

void link_entry(const Block& block, Ref ref) {
    Entry* e = block.entry(ref);
    Ref* head = block.bucket(e->hash);
    e->next = *head;
    *head = ref;
    if (e->is_opened()) return;
    CacheControl& c = block.caches[e->cache];
    add_relaxed(c.live_entries, 1U);
    add_relaxed(c.live_bytes, block.arena.gross_bytes(ref));
}

bool unlink_entry(const Block& block, Ref ref) {
    Entry* e = block.entry(ref);
    if (e->is_dead()) return false;
    Ref* link = block.bucket(e->hash);
    while (*link != ref) link = &block.entry(*link)->next;
    *link = e->next;
    e->next = kNullRef;
    e->flags |= Entry::kDeadFlag;
    if (e->is_opened()) return true;
    CacheControl& c = block.caches[e->cache];
    add_relaxed(c.live_entries, std::uint64_t{0} - 1);
    add_relaxed(c.live_bytes, std::uint64_t{0} - block.arena.gross_bytes(ref));
    return true;
}

void bury_entry(const Block& block, Ref ref) {
    Entry* e = block.entry(ref);
    Ref& head = block.caches[e->budget].dead;
    Ref seen = load_acquire(head);
    do {
        e->next = seen;
    } while (
        !__atomic_compare_exchange_n(&head, &seen, ref, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

}  // namespace cache_ext::core
