#include "core/account_view.hpp"

#include <cstring>

namespace cache_ext::core {

bool view_account(const Block& block, CacheIndex cache, const KeyView& key, AccountView* view) {
    const PartitionReader guard(block, partition_of(key.hash));
    const Ref ref = find_entry(block, cache, key);
    if (ref == kNullRef || !block.entry(ref)->has_account()) return false;
    const Entry& e = *block.entry(ref);
    const Account& account = *e.account();
    const std::size_t bytes = account.amounts * sizeof(Amount);
    view->amounts = account.amounts;
    std::memcpy(view->base, e.value(), bytes);
    view->witness = account.witness;
    view->floor = account.floor;
    view->capacity = account.capacity;
    view->count = account.count;
    for (std::uint32_t i = 0; i < account.count; ++i) {
        const AccountLine& l = *account.line(i);
        view->line[i] = {l.xid, l.kind, load_relaxed(l.outcome)};
        std::memcpy(view->delta + std::size_t{i} * account.amounts, account.delta(i), bytes);
    }
    return true;
}

}  // namespace cache_ext::core
