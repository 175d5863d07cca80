// An account as cache_explain shows it.
#pragma once

#include <cstdint>

#include "core/account.hpp"
#include "core/index.hpp"

namespace cache_ext::core {

struct AccountView {
    std::uint32_t amounts = 0;
    Amount base[kMaxAmounts];
    Xid witness = 0;  // 0, or: a snapshot must see it, for what was folded
    Xid floor = 0;    // 0, or: a snapshot's xmin must have reached it
    std::uint32_t capacity = 0;
    std::uint32_t count = 0;
    struct Line {
        Xid xid;
        LineKind kind;
        Outcome outcome;
    };
    Line line[kMaxDeltas];
    Amount delta[kMaxDeltas * kMaxAmounts];  // one line's after the other's; kDelta only
};

// False: there is no value, or none that writers adjust. No lock.
bool view_account(const Block& block, CacheIndex cache, const KeyView& key, AccountView* view);

}  // namespace cache_ext::core
