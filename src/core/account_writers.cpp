#include "core/account_writers.hpp"

#include <algorithm>

namespace cache_ext::core {
namespace {

bool is_key_of(const Entry& e, const KeyDelta& delta) {
    return e.hash == delta.key.hash && e.cache == delta.cache && e.key_bytes == delta.key.size &&
           (delta.key.size == 0 || std::memcmp(e.key(), delta.key.bytes, delta.key.size) == 0) &&
           e.has_account() && e.account()->amounts == delta.count &&
           e.account()->groups == delta.groups;
}

}  // namespace

void want_more_lines(CacheControl& c, std::uint32_t had) {
    const std::uint32_t want = std::min(2 * had, kMaxDeltas);
    if (want > account_lines(c)) store_relaxed(c.account_lines, want);
}

void add_to_accounts(const Block& block, const WriterRecord& record, const KeyDelta* delta,
                     const Ended& ended) {
    Ref ref = *block.bucket(record.tag);
    while (ref != kNullRef) {
        Entry* e = block.entry(ref);
        const Ref next = e->next;
        if (e->hash == record.tag && e->has_account()) {
            const bool known = delta != nullptr && record.borrowed == 0 && is_key_of(*e, *delta);
            e->flags |= Entry::kDeltasFlag;
            Account& account = *e->account();
            if (!account.add(record, known ? delta->amounts : nullptr, ended, e->value())) {
                // Lines of writers whose deltas nobody knows wait for a load, not for more room.
                if (!account.unclear()) want_more_lines(block.caches[e->cache], account.capacity);
                unlink_entry(block, ref);
                bury_entry(block, ref);
            }
        }
        ref = next;
    }
}

std::uint32_t undecided_writers(const Block& block, const KeyDelta& delta, Xid* out) {
    std::uint32_t n = 0;
    for (Ref ref = *block.bucket(delta.key.hash); ref != kNullRef; ref = block.entry(ref)->next) {
        const Entry& e = *block.entry(ref);
        if (!is_key_of(e, delta) || n + kMaxDeltas > kMaxUndecided) continue;
        Xid more[kMaxDeltas];
        const std::uint32_t m = e.account()->undecided(more);
        const std::uint32_t known = n;
        for (std::uint32_t i = 0; i < m; ++i) {
            if (std::find(out, out + known, more[i]) == out + known) out[n++] = more[i];
        }
    }
    return n;
}

void note_outcomes(const Block& block, CacheIndex cache, const KeyView& key, const Xid* xids,
                   const Outcome* outcomes, std::uint32_t count) {
    const PartitionReader guard(block, partition_of(key.hash));
    const Ref ref = find_entry(block, cache, key);
    if (ref == kNullRef || !block.entry(ref)->has_account()) return;
    const Account& account = *block.entry(ref)->account();
    for (std::uint32_t i = 0; i < count; ++i) account.note(xids[i], outcomes[i]);
}

}  // namespace cache_ext::core
