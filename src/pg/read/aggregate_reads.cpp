#include "pg/read/aggregate_reads.hpp"

#include "pg/base/commit_log.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/load/aggregate_values.hpp"

extern "C" {
#include "access/xact.h"
}

namespace cache_ext::pg {
namespace {

using core::Amount;

// Adds what those writers have added that have committed. False: it is not known of one whether it
// has, or the sum is too large.
bool add_committed(const core::SeenDeltas& seen, const Aggregate* a, core::Outcome* outcomes,
                   Amount* amounts) {
    const auto count = static_cast<uint32>(a->amount_count);
    bool good = true;
    for (uint32 i = 0; i < seen.count; ++i) {
        outcomes[i] = outcome_of(seen.xid[i]);
        good = good && outcomes[i] != core::Outcome::kUnknown;
        if (outcomes[i] != core::Outcome::kCommitted) continue;
        const Amount* more = seen.amounts + static_cast<size_t>(i) * count;
        good = good && core::merge_amounts(reinterpret_cast<uint8*>(amounts),
                                           reinterpret_cast<const uint8*>(more), count, a->groups);
    }
    return good;
}

}  // namespace

core::Found find_amounts(const Definition* d, const Key& key, const core::Snapshot& snapshot,
                         core::Detail detail, core::EntryTags* tags, Datum* value) {
    static core::SeenDeltas seen;
    Amount amounts[core::kMaxAmounts];
    seen.count = 0;
    const Aggregate* a = aggregate_of(d);
    core::Found found;
    if (a == nullptr) return found;
    core::LookupOptions options = {reinterpret_cast<uint8*>(amounts), sizeof(amounts), detail};
    options.tags = tags;
    options.deltas = &seen;
    found = store().lookup(d->session->index, key.view, snapshot, options);
    if (found.result != core::LookupResult::kHit) return found;
    // Of another shape: it was made before the cache was declared as it is.
    bool good = found.amounts == static_cast<uint32>(a->amount_count);
    if (good && seen.count > 0) {
        core::Outcome outcomes[core::kMaxDeltas];
        good = add_committed(seen, a, outcomes, amounts);
        store().note_outcomes(d->session->index, key.view, seen.xid, outcomes, seen.count);
    }
    if (!good || !row_of_amounts(d, a, amounts, value)) {
        found.result = core::LookupResult::kContradicted;
    }
    return found;
}

core::Seq open_account_for(const Definition* d, const Key& key, const core::Snapshot& snapshot,
                           bool leads) {
    const Aggregate* a = aggregate_of(d);
    // A transaction that has written publishes nothing.
    if (a == nullptr || TransactionIdIsValid(GetTopTransactionIdIfAny())) return 0;
    const core::Opening opening = {
        d->session->index, d->id, key.view, static_cast<uint32>(a->amount_count), leads, a->groups};
    return store().open_account(opening, snapshot).account;
}

void close_account_of(const Definition* d, const Key& key, core::Seq account) {
    if (account != 0) store().close_account(d->session->index, key.view, account);
}

}  // namespace cache_ext::pg
