// The accounts of loads: opened before the loader runs, so that those who write meanwhile do not
// outdate the value.
//
// Until the value is published the account is in an entry of its own, which no reader finds, beside
// that of the value that is there. Writers find both.
#pragma once

#include <cstdint>

#include "core/block.hpp"
#include "core/fill.hpp"

namespace cache_ext::core {

// Takes the account of a load out that comes to nothing (open_account() is in publish.hpp). No
// lock.
void close_account(const Block& block, CacheIndex cache, const KeyView& key, Seq account);

// The entry that an account was opened in, kNullRef if it is not there any more; account 0:
// whichever is open. Partition lock.
Ref find_opened(const Block& block, CacheIndex cache, const KeyView& key, Seq account);

// Gives a new entry, not linked yet, its account and its base: what was loaded, and what the
// account has added to it since. *opened: the entry of the account that was used up, or kNullRef.
// Partition lock, exclusive; may be repeated.
PublishResult settle_account(const Block& block, const Fill& fill, const Snapshot& f, Entry* e,
                             Ref* opened);

}  // namespace cache_ext::core
