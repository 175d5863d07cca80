#include "core/opening.hpp"

#include <cstring>

#include "core/budgets.hpp"

namespace cache_ext::core {
namespace {

bool same_load(const Account& account, const Snapshot& f) {
    return account.xmin == f.xmin && account.xmax == f.xmax;
}

// From the account of the value that is there, of a load that runs, or from the key's ring.
Account::Opened begin_account(const Block& block, const Fill& fill, const Snapshot& f, Ref opened,
                              Account* account) {
    const Ref known = find_entry(block, fill.cache, fill.key);
    for (const Ref ref : {known, opened}) {
        if (ref == kNullRef || !block.entry(ref)->has_account()) continue;
        const Account& old = *block.entry(ref)->account();
        if (old.amounts == fill.amounts && old.groups == fill.groups) {
            return account->derive(old, f);
        }
    }
    return account->open(*block.slot(fill.key.hash), fill.key.hash, f);
}

}  // namespace

Ref find_opened(const Block& block, CacheIndex cache, const KeyView& key, Seq account) {
    for (Ref ref = *block.bucket(key.hash); ref != kNullRef; ref = block.entry(ref)->next) {
        const Entry& e = *block.entry(ref);
        if (e.hash == key.hash && e.is_opened() && e.cache == cache && e.key_bytes == key.size &&
            (key.size == 0 || std::memcmp(e.key(), key.bytes, key.size) == 0) &&
            (account == 0 || e.account()->opened == account)) {
            return ref;
        }
    }
    return kNullRef;
}

PublishResult settle_account(const Block& block, const Fill& fill, const Snapshot& f, Entry* e,
                             Ref* opened) {
    Account& account = *e->account();
    const std::size_t bytes = fill.amounts * sizeof(Amount);
    const Ref open = find_opened(block, fill.cache, fill.key, 0);
    const Entry* mine = nullptr;
    if (open != kNullRef && fill.account != 0) {
        const Entry& o = *block.entry(open);
        if (o.account()->opened == fill.account && same_load(*o.account(), f)) mine = &o;
    }
    *opened = kNullRef;
    e->flags &= static_cast<std::uint16_t>(~Entry::kDeltasFlag);
    if (fill.value != nullptr) {
        std::memcpy(e->value(), fill.value, bytes);
    } else {
        clear_amounts(e->value(), fill.amounts, fill.groups);
    }
    if (mine != nullptr && account.copy(*mine->account())) {
        if (!merge_amounts(e->value(), mine->value(), fill.amounts, fill.groups)) {
            return PublishResult::kUnusable;
        }
        e->key_seq = mine->key_seq;
        if (mine->has_deltas()) e->flags |= Entry::kDeltasFlag;
        *opened = open;
        return PublishResult::kPublished;
    }
    switch (begin_account(block, fill, f, open, &account)) {
        case Account::Opened::kUnusable:
            return PublishResult::kUnusable;
        case Account::Opened::kFull:
            return PublishResult::kUnseenWriters;
        case Account::Opened::kYes:
            break;
    }
    e->key_seq = block.slot(fill.key.hash)->last_seq;
    if (!account.plain()) e->flags |= Entry::kDeltasFlag;
    account.opened = ++block.partition(fill.key.hash)->seq;
    account.xmin = f.xmin;
    account.xmax = f.xmax;
    if (e->is_opened()) *opened = open;
    return PublishResult::kPublished;
}

void close_account(const Block& block, CacheIndex cache, const KeyView& key, Seq account) {
    if (account == 0) return;
    CacheIndex budget;
    {
        const PartitionWriter guard(block, partition_of(key.hash));
        const Ref ref = find_opened(block, cache, key, account);
        if (ref == kNullRef) return;
        budget = block.entry(ref)->budget;
        unlink_entry(block, ref);
        bury_entry(block, ref);
    }
    const BudgetHolder guard(block, budget);
    collect_dead(block, budget);
}

}  // namespace cache_ext::core
