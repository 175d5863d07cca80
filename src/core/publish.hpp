// Writing values: an entry is made of a fill, and linked if the rules allow it.
#pragma once

#include "core/block.hpp"
#include "core/fill.hpp"

namespace cache_ext::core {

// Publishes what was computed under f. Evicts for it. No lock.
PublishResult publish(const Block& block, const Fill& fill, const Snapshot& f);

// An account for a load (opening.hpp).
struct Opening {
    CacheIndex cache = kNoCache;
    std::uint64_t cache_id = 0;
    KeyView key = {};
    std::uint32_t amounts = 0;  // of the value, 1 to kMaxAmounts
    // Even if another load has one open, which then publishes without. One key has one at a time.
    bool take_over = false;
    Groups groups = {};
};
struct Opened {
    // kPublished: it is open. kSuperseded: another load has one. kUnusable: f could not publish.
    PublishResult result;
    Seq account;  // for Fill::account; 0: there is none, and publish() makes its own
};
// Opens an account for a load under f, which must be taken already. Evicts for it. Whoever opens
// one publishes with it, or closes it; what is forgotten goes after kOpenFor, or with the next that
// takes over. No lock.
Opened open_account(const Block& block, const Opening& opening, const Snapshot& f);
inline constexpr Millis kOpenFor = 3'600'000;

}  // namespace cache_ext::core
