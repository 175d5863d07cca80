#include "core/unlocked_account.hpp"

#include <cstring>

namespace cache_ext::core {
namespace {

// The bounds of what follows the entry, as its account tells them.
bool in_bounds(const Block& block, Ref ref, const Entry& e, const Account& a) {
    return a.amounts <= kMaxAmounts && a.amounts * sizeof(Amount) == e.value_bytes &&
           a.count <= a.capacity && a.capacity <= kMaxDeltas &&
           block.arena.holds(
               ref, Entry::bytes_for(e.tag_count, 0, e.key_bytes, e.value_bytes,
                                     {.period = e.has_period(),
                                      .account = Account::bytes_for(a.amounts, a.capacity)}));
}

// One writer of the account whose delta is part of the value if it has committed.
bool add_one(const Account& a, const AccountLine& l, const std::uint8_t* delta,
             const LookupOptions& options) {
    alignas(Amount) std::uint8_t copy[kMaxAmounts * sizeof(Amount)];
    const std::size_t bytes = a.amounts * sizeof(Amount);
    if (l.outcome == Outcome::kAborted) return true;
    copy_racing(copy, delta, bytes);
    if (l.outcome == Outcome::kCommitted) {
        return merge_amounts(options.buffer, copy, a.amounts, a.groups);
    }
    if (options.deltas == nullptr) return false;
    SeenDeltas& seen = *options.deltas;
    std::memcpy(seen.amounts + std::size_t{seen.count} * a.amounts, copy, bytes);
    seen.xid[seen.count++] = l.xid;
    return true;
}

}  // namespace

bool adjust_unlocked(const Block& block, Ref ref, const Entry& e, const std::uint8_t* account,
                     const Snapshot& s, const LookupOptions& options) {
    Account a;
    if (!block.arena.holds(ref,
                           Entry::bytes_for(e.tag_count, 0, e.key_bytes, e.value_bytes,
                                            {.period = e.has_period(), .account = sizeof(a)}))) {
        return false;
    }
    copy_racing(&a, account, sizeof(a));
    if (!in_bounds(block, ref, e, a) || !a.usable(s)) return false;
    if (options.deltas != nullptr) options.deltas->count = 0;
    const std::uint8_t* place = account + sizeof(a);
    for (std::uint32_t i = 0; i < a.count; ++i, place += Account::line_bytes(a.amounts)) {
        AccountLine l;
        copy_racing(&l, place, sizeof(l));
        const bool sees = !s.in_progress(l.xid);
        if (l.kind != LineKind::kDelta) {
            if (sees != (l.kind == LineKind::kSeen)) return false;
            continue;
        }
        if (sees && !add_one(a, l, place + sizeof(l), options)) return false;
    }
    return true;
}

}  // namespace cache_ext::core
